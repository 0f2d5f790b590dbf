// Completion in shells. The scripts hold every word, so that a key press starts no command.
#include <algorithm>
#include <sstream>

#include "common/list_models.h"
#include "common/usage.h"

namespace vit::tools {
namespace {

std::string joined(const std::vector<std::string>& words, const char* separator) {
  std::string all;
  for (const auto& word : words) {
    if (!all.empty()) all += separator;
    all += word;
  }
  return all;
}

std::string architecture_names() {
  std::ostringstream lines;
  list_models(lines, "*");
  auto names = lines.str();
  while (names.ends_with('\n')) names.pop_back();
  std::replace(names.begin(), names.end(), '\n', ' ');
  return names;
}

/// `before` in front of each of these characters.
std::string escaped(const std::string& text, const std::string& characters, const char* before) {
  std::string all;
  for (const char c : text) {
    if (characters.find(c) != std::string::npos) all += before;
    all += c;
  }
  return all;
}

/// In single quotes, for bash and zsh.
std::string quoted(const std::string& text) {
  std::string all = "'";
  for (const char c : text) {
    if (c == '\'')
      all += "'\\''";
    else
      all += c;
  }
  return all + "'";
}

std::string function_name(const Usage& usage) {
  auto name = usage.name;
  std::replace(name.begin(), name.end(), '-', '_');
  name.insert(0, "_");
  return name;
}

const UsageOption* positional(const Usage& usage) {
  const auto found = std::ranges::find_if(usage.options, &UsageOption::positional);
  return found == usage.options.end() ? nullptr : &*found;
}

/// Where the value's words and paths come from, as bash's variables.
std::string bash_value(const UsageOption& option) {
  auto words = option.words.empty() ? "" : quoted(joined(option.words, " "));
  if (option.architectures) words += words.empty() ? "$architectures" : "' '$architectures";
  std::string set;
  if (!words.empty()) set += "words=" + words + "; ";
  if (option.files || option.folders) set += option.files ? "paths=f; " : "paths=d; ";
  return set;
}

std::string bash_completion(const Usage& usage) {
  const auto function = function_name(usage);
  std::vector<std::string> names;
  std::ostringstream cases;
  for (const auto& option : usage.options) {
    if (option.positional) continue;
    names.insert(names.end(), option.names.begin(), option.names.end());
    if (option.value.empty()) continue;
    cases << "    " << joined(option.names, " | ") << ") " << bash_value(option);
    // The value may be left out, and an option follow.
    if (option.value_optional) cases << "if [[ $current == -* ]]; then words=$options; fi ";
    cases << ";;\n";
  }
  std::ostringstream out;
  out << "# bash completion of " << usage.name << '\n'
      << function << "() {\n"
      << "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
      << "  local words='' paths='' word\n"
      << "  local options=" << quoted(joined(names, " ")) << '\n'
      << "  local architectures=" << quoted(architecture_names()) << '\n'
      << "  # --option=value is three words here.\n"
      << "  if [[ $current == = ]]; then\n"
      << "    current=''\n"
      << "  elif [[ $previous == = ]]; then\n"
      << "    previous=${COMP_WORDS[COMP_CWORD - 2]}\n"
      << "  fi\n"
      << "  case $previous in\n"
      << cases.str() << "    *) if [[ $current == -* ]]; then words=$options; "
      << (positional(usage) != nullptr ? "else paths=f; " : "") << "fi ;;\n"
      << "  esac\n"
      << "  COMPREPLY=()\n"
      << "  while IFS= read -r word; do COMPREPLY+=(\"$word\"); done < <(\n"
      << "    [[ -z $words ]] || compgen -W \"$words\" -- \"$current\"\n"
      << "    [[ -z $paths ]] || compgen \"-$paths\" -- \"$current\"\n"
      << "  )\n"
      << "  [[ -z $paths ]] || compopt -o filenames 2>/dev/null\n"
      << "}\n"
      << "complete -o default -F " << function << ' ' << usage.name << '\n';
  return out.str();
}

/// `:FILE:_files`, as zsh's _arguments takes what follows an option.
std::string zsh_value(const UsageOption& option) {
  if (option.value.empty()) return "";
  std::string actions;
  auto words = joined(option.words, " ");
  if (option.architectures) words += (words.empty() ? "" : " ") + architecture_names();
  if (!words.empty()) actions = "(" + words + ")";
  if (option.files || option.folders) {
    const std::string paths = option.files ? "_files" : "_files -/";
    actions = actions.empty()
                  ? paths
                  : "{_alternative \"words:word:" + actions + "\" \"paths:path:" + paths + "\"}";
  }
  return (option.value_optional ? "::" : ":") + escaped(option.value, ":\\", "\\") + ":" + actions;
}

std::string zsh_completion(const Usage& usage) {
  std::ostringstream out;
  out << "#compdef " << usage.name << "\n_arguments -s -S";
  for (const auto& option : usage.options) {
    out << " \\\n  ";
    if (option.positional) {
      out << quoted((option.many ? "*:" : ":") + option.names[0] + ":_files");
      continue;
    }
    if (option.names.size() > 1)
      out << quoted("(" + joined(option.names, " ") + ")") << '{' << joined(option.names, ",")
          << '}';
    else
      out << option.names[0];
    out << quoted("[" + escaped(option.help, "[]\\", "\\") + "]" + zsh_value(option));
  }
  out << '\n';
  return out.str();
}

std::string fish_completion(const Usage& usage) {
  std::ostringstream out;
  out << "# fish completion of " << usage.name << '\n';
  if (positional(usage) == nullptr) out << "complete -c " << usage.name << " -f\n";
  for (const auto& option : usage.options) {
    if (option.positional) continue;
    out << "complete -c " << usage.name;
    for (const auto& name : option.names)
      out << (name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1));
    if (!option.value.empty()) {
      if (!option.value_optional) out << " -r";
      out << (option.files || option.folders ? " -F" : " -f");
      auto words = joined(option.words, " ");
      if (option.architectures) words += (words.empty() ? "" : " ") + architecture_names();
      if (!words.empty()) out << " -a '" << words << '\'';
    }
    out << " -d '" << escaped(option.help, "'\\", "\\") << "'\n";
  }
  return out.str();
}

}  // namespace

std::string completion(const Usage& usage, const std::string& shell) {
  if (shell == "zsh") return zsh_completion(usage);
  if (shell == "fish") return fish_completion(usage);
  return bash_completion(usage);
}

}  // namespace vit::tools
