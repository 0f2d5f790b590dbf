#include "common/lists.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>

#include "vit/core/contains.h"
#include "vit/core/error.h"

namespace vit::tools {

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text)
    if (c == separator)
      parts.emplace_back();
    else
      parts.back() += c;
  return parts;
}

namespace {

/// Between the values of a gathered list: no command line has it.
constexpr char kSeparator = '\x1f';

bool is_number(const std::string& text) {
  char* end = nullptr;
  std::strtod(text.c_str(), &end);
  return !text.empty() && *end == '\0';
}

bool belongs(ListOf of, const std::string& word) {
  switch (of) {
    case ListOf::kNumbers: {
      // `1, 2` leaves an empty part at a comma.
      const auto parts = split(word, ',');
      return std::any_of(parts.begin(), parts.end(), is_number) &&
             std::all_of(parts.begin(), parts.end(),
                         [](const auto& part) { return part.empty() || is_number(part); });
    }
    case ListOf::kKeyValues:
      return !word.starts_with('-') && word.find('=') != std::string::npos;
    case ListOf::kWords:
      return !word.starts_with('-');
  }
  return false;
}

std::size_t count_values(ListOf of, const std::string& word) {
  if (of != ListOf::kNumbers) return 1;
  const auto parts = split(word, ',');
  return static_cast<std::size_t>(
      std::count_if(parts.begin(), parts.end(), [](const auto& part) { return !part.empty(); }));
}

std::vector<std::string> values_of(const ListOption& option, const std::string& gathered) {
  std::vector<std::string> values;
  for (const auto& word : split(gathered, kSeparator)) {
    if (option.of != ListOf::kNumbers) {
      values.push_back(word);
      continue;
    }
    for (auto& part : split(word, ','))
      if (!part.empty()) values.push_back(std::move(part));
  }
  return values;
}

std::string describe_count(const ListOption& option) {
  if (option.min == option.max) return std::to_string(option.min);
  return format("{} to {}", option.min, option.max);
}

}  // namespace

CLI::Option* Lists::add(CLI::App& app, const ListOption& option,
                        std::function<void(const std::vector<std::string>&)> set,
                        const std::string& description) {
  options_.push_back(option);
  auto* added = app.add_option_function<std::vector<std::string>>(
      option.names,
      [option, set = std::move(set)](const std::vector<std::string>& lists) {
        const bool add_up = option.of == ListOf::kKeyValues;
        std::vector<std::string> values;
        for (const auto& list : lists) {
          auto some = values_of(option, list);
          if (!add_up) values.clear();
          values.insert(values.end(), some.begin(), some.end());
        }
        if (values.size() < option.min || values.size() > option.max)
          throw CLI::ValidationError(
              split(option.names, ',').back(),
              format("expected {} values, found {}", describe_count(option), values.size()));
        set(values);
      },
      description);
  added->expected(1)->take_all()->allow_extra_args(false);
  return added;
}

std::vector<std::string> Lists::gather(const std::vector<std::string>& arguments) const {
  std::vector<std::string> gathered;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto& argument = arguments[i];
    if (argument == "--") {
      gathered.insert(gathered.end(), arguments.begin() + static_cast<std::ptrdiff_t>(i),
                      arguments.end());
      break;
    }
    const auto equals = argument.find('=');
    const auto name = argument.substr(0, equals);
    const auto is_one_of = [&](const std::string& list) {
      return contains(split(list, ','), name);
    };
    const bool has_value = equals != std::string::npos;
    const bool empty_word = has_value ? equals + 1 == argument.size()
                                      : i + 1 < arguments.size() && arguments[i + 1].empty();
    if (empty_word && std::ranges::any_of(alone_, is_one_of)) {
      gathered.push_back(format("{}={}", name, kEmptyWord));
      if (!has_value) ++i;
      continue;
    }
    const auto found = std::ranges::find_if(
        options_, [&](const ListOption& option) { return is_one_of(option.names); });
    if (found == options_.end() || has_value) {
      gathered.push_back(argument);
      continue;
    }
    std::string list;
    std::size_t count = 0;
    while (i + 1 < arguments.size() && count < found->max) {
      const auto& word = arguments[i + 1];
      // A first word that cannot be a value is taken all the same, for the error to show it.
      const bool wrong = count == 0 && found->min > 0 && !word.starts_with('-');
      if (!belongs(found->of, word) && !wrong) break;
      if (!list.empty()) list += kSeparator;
      list += word;
      count += std::max<std::size_t>(count_values(found->of, word), 1);
      ++i;
    }
    gathered.push_back(count == 0 ? name : format("{}={}", name, list));
  }
  return gathered;
}

}  // namespace vit::tools
