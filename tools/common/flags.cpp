#include "common/flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "vit/core/error.h"

namespace vit::tools {
namespace {

constexpr std::size_t kManyValues = 1 << 20;

std::vector<std::string> names_in(const std::string& list) {
  std::vector<std::string> names;
  for (std::size_t at = 0; at < list.size();) {
    const auto end = std::min(list.find(',', at), list.size());
    names.push_back(list.substr(at, end - at));
    at = end + 1;
  }
  return names;
}

std::string flag_of(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return "--" + name;
}

/// As CLI11 takes them: timm's names, then ours.
std::string all_names(const std::string& field, const Field& about) {
  const std::string own = *about.flag == '\0' ? flag_of(field) : about.flag;
  const auto ours = names_in(own);
  std::string names;
  for (const auto& name : names_in(about.timm))
    if (const auto flag = flag_of(name); std::find(ours.begin(), ours.end(), flag) == ours.end())
      names += flag + ",";
  return names + own;
}

/// What the flag takes, as the help shows it: `FILE`, or the words that it may be.
std::string value_of(const Field& about) {
  std::string words = about.value;
  if (!words.empty()) return words;
  for (const auto& name : about.names)
    if (!name.empty()) words += (words.empty() ? "" : "|") + name;
  return words;
}

/// A file or a folder, perhaps beside words: `balanced|FILE`, `[auto|DIR]`.
bool names_path(const Field& about) {
  std::string value = about.value;
  std::erase_if(value, [](char c) { return c == '[' || c == ']'; });
  return std::ranges::any_of(split(value, '|'), [](const std::string& part) {
    return part == "FILE" || part == "DIR" || part == "REF";
  });
}

bool is_positional(const Field& about) { return *about.flag != '\0' && *about.flag != '-'; }

}  // namespace

std::string shown_flag(const std::string& field, const Field& about) {
  return names_in(all_names(field, about)).back();
}

double detail::parse_number(const std::string& text, const std::string& flag, const Field& about,
                            bool whole, bool plural) {
  double number = NAN;
  if (!CLI::detail::lexical_cast(text, number) || !about.allows(number) ||
      (whole && number != std::floor(number)))
    throw UsageError("{}: expected {}, found '{}'", flag, about.expected(whole, plural), text);
  return number;
}

void detail::check_name(const std::string& text, const std::string& flag, const Field& about) {
  const bool stands_alone = about.alone != nullptr && text == about.alone;
  if (!stands_alone && !about.allows(text))
    throw UsageError("{}: expected {}, found '{}'", flag, about.expected_names(), text);
}

void Flags::add_flag(const Flag& flag) {
  const auto& about = flag.about;
  const auto names = all_names(flag.field, about);
  shown_[flag.field] = shown_flag(flag.field, about);
  std::string help = about.help;
  if (!flag.standard.empty()) help += format(" ({})", flag.standard);
  const auto set = flag.set;
  CLI::Option* option = nullptr;
  if (flag.takes == Flag::kNothing) {
    option = app_.add_flag_callback(
        names, [set] { set({"true"}); }, help);
  } else if (flag.takes == Flag::kOne) {
    const std::string alone = about.alone == nullptr ? "" : about.alone;
    const bool is_path = names_path(about), stands_alone = about.alone != nullptr;
    const auto shown = shown_[flag.field];
    option = app_.add_option_function<std::string>(
        names,
        [set, alone, stands_alone, is_path, shown](const std::string& word) {
          const bool is_empty = stands_alone ? word == kEmptyWord : word.empty();
          if (is_empty && is_path) throw UsageError("{}: expected a path, found none", shown);
          set({is_empty ? "" : word.empty() ? alone : word});
        },
        help);
    if (stands_alone) {
      option->expected(0, 1);
      lists_.may_stand_alone(names);
    }
  } else if (is_positional(about)) {
    option = app_.add_option_function<std::vector<std::string>>(names, set, help);
  } else {
    const bool pairs = std::string_view(about.value).find('=') != std::string_view::npos;
    const auto of = flag.takes != Flag::kWords ? ListOf::kNumbers
                    : pairs                    ? ListOf::kKeyValues
                                               : ListOf::kWords;
    const std::size_t most = flag.takes == Flag::kSides ? 2 : kManyValues;
    option = lists_.add(app_, {names, of, 1, most}, set, help);
  }
  if (flag.takes != Flag::kNothing) option->type_name(value_of(about));
  if (*about.group != '\0') option->group(about.group);
}

void Flags::finish_help() {
  for (auto* option : app_.get_options()) option->description(in_flags(option->get_description()));
}

std::string Flags::in_flags(const std::string& message) const {
  std::string text;
  std::size_t at = 0;
  for (auto open = message.find('`'); open != std::string::npos; open = message.find('`', at)) {
    const auto close = message.find('`', open + 1);
    if (close == std::string::npos) break;
    const auto found = shown_.find(message.substr(open + 1, close - open - 1));
    text += message.substr(at, open - at);
    text += found == shown_.end() ? message.substr(open, close + 1 - open) : found->second;
    at = close + 1;
  }
  return text + message.substr(at);
}

std::string Flags::with_leading_flag(const std::string& message) const {
  // `device: …`, or with the value that it has, `device cuda: …`.
  const auto end = message.find_first_of(" :");
  const auto colon = message.find(": ");
  if (end == std::string::npos || colon == std::string::npos) return message;
  const auto found = shown_.find(message.substr(0, end));
  const bool one_value = message.find(' ', end + 1) > colon;
  return found == shown_.end() || !one_value ? message : found->second + message.substr(end);
}

}  // namespace vit::tools
