#include "common/usage.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>

#include "common/lists.h"

namespace vit::tools {
namespace {

/// A word that is given as it is (`auto`), not the name of what is given (`FILE`, `Ns`).
bool is_literal(const std::string& word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), [](unsigned char c) {
    return std::islower(c) != 0 || std::isdigit(c) != 0 || c == '-';
  });
}

/// `value` is CLI11's: `FILE`, `[auto|DIR]`, `TEXT:{auto,fp32}`.
void read_value(UsageOption& option, const std::string& value) {
  const auto open = value.find('{');
  const auto close = value.find('}', open);
  if (open != std::string::npos && close != std::string::npos) {
    option.words = split(value.substr(open + 1, close - open - 1), ',');
    for (const auto& word : option.words) option.value += (option.value.empty() ? "" : "|") + word;
    return;
  }
  option.value = value;
  if (value.starts_with('[') && value.ends_with(']'))
    option.value = value.substr(1, value.size() - 2);
  for (const auto& word : split(option.value, '|')) {
    if (is_literal(word)) option.words.push_back(word);
    if (word == "FILE" || word == "REF") option.files = true;
    if (word == "DIR") option.folders = true;
    if (word == "ARCH") option.architectures = true;
  }
}

}  // namespace

std::vector<std::string> Usage::groups() const {
  std::vector<std::string> groups{""};
  for (const auto& option : options)
    if (!option.positional && std::ranges::find(groups, option.group) == groups.end())
      groups.push_back(option.group);
  return groups;
}

Usage read_usage(const CLI::App& app) {
  Usage usage{app.get_name(), app.get_description(), app.get_footer(), {}};
  for (const auto* from : app.get_options()) {
    if (from->get_group().empty()) continue;  // hidden
    UsageOption option;
    option.help = from->get_description();
    option.required = from->get_required();
    option.positional = from->get_positional();
    if (option.positional) {
      option.names.push_back(from->get_name(/*positional=*/true));
      option.many = from->get_expected_max() > 1;
      option.files = true;
    } else {
      for (const auto& name : from->get_snames()) option.names.push_back("-" + name);
      for (const auto& name : from->get_lnames()) option.names.push_back("--" + name);
      if (from->get_group() != "Options") option.group = from->get_group();
      if (from->get_items_expected_max() > 0) {
        read_value(option, from->get_type_name());
        if (option.value.empty()) option.value = "VALUE";
        option.value_optional = from->get_expected_min() == 0;
      }
    }
    usage.options.push_back(std::move(option));
  }
  return usage;
}

}  // namespace vit::tools
