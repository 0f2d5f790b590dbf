// Manual pages, from what --help is made from.
#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <cstdio>
#include <sstream>
#include <utility>

#include "common/usage.h"

namespace vit::tools {
namespace {

/// The number of bytes that the UTF-8 character starting with `first` takes.
std::size_t length_of(unsigned char first) {
  return first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

/// Text as man(7) source: nothing in it is a request or an escape, whatever the locale.
std::string plain(const std::string& text) {
  std::string all;
  for (std::size_t at = 0; at < text.size();) {
    const auto first = static_cast<unsigned char>(text[at]);
    const auto length = std::min(length_of(first), text.size() - at);
    if (length > 1) {
      std::uint32_t code = first & (0x7FU >> length);
      for (std::size_t i = 1; i < length; ++i)
        code = code << 6U | (static_cast<unsigned char>(text[at + i]) & 0x3FU);
      std::array<char, 16> name{};
      std::snprintf(name.data(), name.size(), "\\[u%04X]", code);
      all += name.data();
    } else if (first == '\\') {
      all += "\\e";
    } else if (first == '-') {
      all += "\\-";
    } else if ((first == '.' || first == '\'') && (all.empty() || all.back() == '\n')) {
      all += "\\&";
      all += text[at];
    } else {
      all += text[at];
    }
    at += length;
  }
  return all;
}

std::string bold(const std::string& text) { return "\\fB" + plain(text) + "\\fR"; }
std::string italic(const std::string& text) { return "\\fI" + plain(text) + "\\fR"; }

/// `\fB\-m\fR, \fB\-\-model\fR \fIFILE\fR`
std::string heading(const UsageOption& option) {
  std::string line;
  for (const auto& name : option.names) {
    if (!line.empty()) line += ", ";
    line += option.positional ? italic(name) : bold(name);
  }
  if (option.value.empty()) return line;
  line += option.value_optional ? " [" : " ";
  line += italic(option.value);
  if (option.value_optional) line += "]";
  return line;
}

void write_option(std::ostringstream& out, const UsageOption& option) {
  out << ".TP\n" << heading(option) << '\n';
  if (!option.help.empty()) out << plain(option.help) << '\n';
}

void write_synopsis(std::ostringstream& out, const Usage& usage) {
  out << ".SH SYNOPSIS\n" << bold(usage.name);
  for (const auto& option : usage.options)
    if (option.required && !option.positional)
      out << ' ' << bold(option.names.back()) << ' ' << italic(option.value);
  out << " [" << italic("OPTION") << "]...";
  for (const auto& option : usage.options) {
    if (!option.positional) continue;
    out << (option.required ? " " : " [") << italic(option.names[0]) << (option.required ? "" : "]")
        << (option.many ? "..." : "");
  }
  out << '\n';
}

void write_examples(std::ostringstream& out, std::string examples) {
  if (const auto line = examples.find('\n'); examples.starts_with("Examples:"))
    examples.erase(0, line == std::string::npos ? examples.size() : line + 1);
  if (examples.empty()) return;
  out << ".SH EXAMPLES\n.nf\n" << plain(examples);
  if (!examples.ends_with('\n')) out << '\n';
  out << ".fi\n";
}

constexpr std::array<std::pair<const char*, const char*>, 7> kExitCodes{{
    {"0", "done"},
    {"1", "bad data, or a comparison that fails"},
    {"2", "usage, or a device that is not there"},
    {"3", "a loss that is not finite"},
    {"4", "input or output: missing, not readable, not writable, disk full"},
    {"5", "distributed runs"},
    {"129, 130, 143", "stopped by SIGHUP, SIGINT, SIGTERM"},
}};

}  // namespace

std::string man_page(const Usage& usage) {
  std::ostringstream out;
  auto title = usage.name;
  std::transform(title.begin(), title.end(), title.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  auto summary = usage.description;
  while (summary.ends_with('.')) summary.pop_back();
  out << ".TH " << plain(title) << " 1 \"\" \"vit " << VIT_VERSION << "\" \"vit\"\n"
      << ".SH NAME\n"
      << plain(usage.name) << " \\- " << plain(summary) << '\n';
  write_synopsis(out, usage);
  out << ".SH OPTIONS\n";
  for (const auto& option : usage.options)
    if (option.positional) write_option(out, option);
  for (const auto& group : usage.groups()) {
    if (!group.empty()) out << ".SS " << plain(group) << '\n';
    for (const auto& option : usage.options)
      if (!option.positional && option.group == group) write_option(out, option);
  }
  write_examples(out, usage.examples);
  out << ".SH EXIT STATUS\n";
  for (const auto& [code, meaning] : kExitCodes)
    out << ".TP\n" << bold(code) << '\n' << plain(meaning) << '\n';
  out << ".SH SEE ALSO\n";
  const char* separator = "";
  for (const std::string other : {"vit-convert", "vit-infer", "vit-train"}) {
    if (other == usage.name) continue;
    out << separator << bold(other) << "(1)";
    separator = ", ";
  }
  out << '\n';
  return out.str();
}

}  // namespace vit::tools
