// The one way in which a command gets its flags: from the field list of a struct (vit::visit).
#pragma once

#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/lists.h"
#include "vit/core/visit.h"

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11's own
class App;
}  // namespace CLI

namespace vit::tools {

/// One field as a flag, without its type.
struct Flag {
  enum Takes { kNothing, kOne, kSides, kNumbers, kWords };

  std::string field;
  Field about;
  Takes takes = kOne;
  std::string standard;  ///< the default, for the help; empty: it says nothing
  /// Called with what the flag was given; the words of a list, or one.
  std::function<void(const std::vector<std::string>& words)> set;
};

/// The flag as messages name it: `--batch-size`. Of several names the last.
std::string shown_flag(const std::string& field, const Field& about);

namespace detail {

/// Throws UsageError, naming the flag and what it takes.
double parse_number(const std::string& text, const std::string& flag, const Field& about,
                    bool whole, bool plural);
void check_name(const std::string& text, const std::string& flag, const Field& about);

template <class T>
void parse(T& value, const std::vector<std::string>& words, const std::string& flag,
           const Field& about, bool plural = false) {
  const auto& word = words.back();
  if constexpr (vit::detail::is_optional<T>) {
    using Value = typename T::value_type;
    // Turns off what a recipe turns on.
    if (!std::same_as<Value, std::string> && words.size() == 1 && word == "none")
      value.reset();
    else
      parse(value.emplace(), words, flag, about);
  } else if constexpr (std::same_as<T, Size2d>) {
    parse(value[0], {words.front()}, flag, about, /*plural=*/true);
    parse(value[1], words, flag, about, /*plural=*/true);
  } else if constexpr (vit::detail::is_vector<T>) {
    value.clear();
    for (const auto& one : words) parse(value.emplace_back(), {one}, flag, about, /*plural=*/true);
  } else if constexpr (std::same_as<T, bool>) {
    value = true;
  } else if constexpr (std::integral<T>) {
    value = static_cast<T>(std::llround(parse_number(word, flag, about, /*whole=*/true, plural)));
  } else if constexpr (std::floating_point<T>) {
    value = parse_number(word, flag, about, /*whole=*/false, plural);
  } else {
    check_name(word, flag, about);
    value = word;
  }
}

template <class T>
constexpr Flag::Takes takes() {
  if constexpr (vit::detail::is_optional<T>)
    return takes<typename T::value_type>();
  else if constexpr (std::same_as<T, bool>)
    return Flag::kNothing;
  else if constexpr (std::same_as<T, Size2d>)
    return Flag::kSides;
  else if constexpr (std::same_as<T, std::vector<std::string>>)
    return Flag::kWords;
  else if constexpr (vit::detail::is_vector<T>)
    return Flag::kNumbers;
  else
    return Flag::kOne;
}

template <class T>
std::string standard_of(const T& value) {
  if constexpr (std::same_as<T, std::string>)
    return value;
  else if constexpr (std::is_arithmetic_v<T> && !std::same_as<T, bool>)
    return format("{}", value);
  else
    return "";
}

}  // namespace detail

class Flags {
 public:
  /// `app` and `lists` must outlive what is parsed.
  Flags(CLI::App& app, Lists& lists) : app_(app), lists_(lists) {}

  /// A flag for every field of `options` that has a help. What is given is set in `options`, and in
  /// `given`, if there is one, under the field's name; both must outlive the parsing. `group`: of
  /// the fields that name none.
  template <class T>
  void add(T& options, Json* given = nullptr, const char* group = "") {
    visit(options, [&](const char* name, auto& value, Field about = {}) {
      using Value = std::remove_cvref_t<decltype(value)>;
      if (*about.help == '\0') return;
      if (*about.group == '\0') about.group = group;
      const std::string field = name;
      const auto shown = shown_flag(field, about);
      add_flag({field, about, detail::takes<Value>(), detail::standard_of(value),
                [&value, given, field, shown, about](const std::vector<std::string>& words) {
                  detail::parse(value, words, shown, about);
                  if (given != nullptr) (*given)[field] = vit::detail::field_to_json(value);
                }});
    });
  }

  /// `flag`: where messages name `field`, though no struct has it.
  void show(const std::string& field, const std::string& flag) { shown_[field] = flag; }

  /// Flags also in the help, where it names fields; once all are there.
  void finish_help();

  /// A message of the library's with flags for fields in backquotes.
  std::string in_flags(const std::string& message) const;
  /// The same for the field that it begins with, as in `field: …`.
  std::string with_leading_flag(const std::string& message) const;

 private:
  void add_flag(const Flag& flag);

  CLI::App& app_;
  Lists& lists_;
  std::map<std::string, std::string> shown_;  // a field's flag
};

}  // namespace vit::tools
