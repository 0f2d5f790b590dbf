// Everything that is made from a struct's field list: JSON both ways, equality, printing, checks,
// and the commands' flags with their help.
//
// A struct takes part by a free function in its own namespace that names every field once, and says
// what is known of it (a Field, which may be left out):
//
//     template <class Visitor> void visit(MyOptions& o, Visitor&& v) {
//       v("depth", o.depth(), Field{.help = "Number of blocks", .low = 1, .high = 1000});
//       visit(o.inner(), v);  // options that are nested stand beside the others
//     }
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "vit/core/error.h"
#include "vit/core/json.h"

namespace vit {

/// Height and width in pixels; in JSON a number (square) or `[H, W]`.
using Size2d = std::array<std::int64_t, 2>;

/// What is known of a field beside its value.
struct Field {
  const char* help = "";  ///< of its flag; empty: it has none
  /// Bounds of a number, and of each number in a list.
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool above_low = false;            ///< `low` itself is not allowed
  bool below_high = false;           ///< `high` itself is not allowed
  std::vector<std::string> names{};  ///< what a text may be; empty: any text
  bool resumable = false;            ///< a resumed run may change it
  const char* timm = "";             ///< timm's names of it: `data,data_dir`
  const char* flag = "";             ///< its flag, where that is not its own name: `-o,--output`
  const char* value = "";            ///< what the flag takes, as the help shows it: `FILE`
  const char* alone = nullptr;       ///< the value of the flag without one; null: it needs one
  const char* group = "";            ///< the heading of the help that it stands under

  /// Whether a number is finite and within the bounds.
  bool allows(double number) const;
  bool allows(const std::string& text) const;
  /// What `allows` expects, for a message: "a whole number from 1 to 9". `plural`: of a list.
  std::string expected(bool whole, bool plural = false) const;
  /// The same of a text: "a, b or c".
  std::string expected_names() const;
};

/// `v` for fields that stand under a heading of their own in the help.
template <class Visitor>
auto in_group(const char* group, Visitor& v) {
  return [group, &v](const char* name, auto& field, Field about = {}) {
    about.group = group;
    v(name, field, about);
  };
}

namespace detail {

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;

template <class T>
Json field_to_json(const T& value) {
  if constexpr (is_optional<T>) {
    return value ? field_to_json(*value) : Json(nullptr);
  } else if constexpr (std::same_as<T, Size2d>) {
    return value[0] == value[1] ? Json(value[0]) : Json::array({value[0], value[1]});
  } else if constexpr (std::same_as<T, std::filesystem::path>) {
    return Json(value.string());
  } else {
    return Json(value);
  }
}

[[noreturn]] inline void wrong_type(const std::string& where, const char* expected,
                                    const Json& found) {
  auto text = found.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  throw DataError("{}: expected {}, found {}", where, expected, text);
}

template <class T>
T field_from_json(const Json& json, const std::string& where) {
  if constexpr (is_optional<T>) {
    if (json.is_null()) return std::nullopt;
    return field_from_json<typename T::value_type>(json, where);
  } else if constexpr (std::same_as<T, Size2d>) {
    if (json.is_array() && json.size() == 2)
      return {field_from_json<std::int64_t>(json[0], where),
              field_from_json<std::int64_t>(json[1], where)};
    const auto side = field_from_json<std::int64_t>(json, where);
    return {side, side};
  } else if constexpr (is_vector<T>) {
    if (!json.is_array()) wrong_type(where, "an array", json);
    T values;
    for (std::size_t i = 0; i < json.size(); ++i)
      values.push_back(
          field_from_json<typename T::value_type>(json[i], where + "[" + std::to_string(i) + "]"));
    return values;
  } else if constexpr (std::same_as<T, bool>) {
    if (!json.is_boolean()) wrong_type(where, "true or false", json);
    return json.get<bool>();
  } else if constexpr (std::integral<T>) {
    const bool fits = json.is_number_unsigned()
                          ? json.get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX)
                          : json.is_number_integer();
    if (!fits) wrong_type(where, "a whole number", json);
    return static_cast<T>(json.get<std::int64_t>());
  } else if constexpr (std::floating_point<T>) {
    if (!json.is_number()) wrong_type(where, "a number", json);
    return json.get<T>();
  } else {
    static_assert(std::same_as<T, std::string> || std::same_as<T, std::filesystem::path>);
    if (!json.is_string()) wrong_type(where, "a string", json);
    return json.get<std::string>();
  }
}

}  // namespace detail

/// All fields of a visited struct, in the order in which `visit` names them.
template <class T>
Json fields_to_json(const T& options) {
  Json json = Json::object();
  visit(const_cast<T&>(options),  // visit only reads here
        [&](const char* name, auto& field, const Field& /*about*/ = {}) {
          json[name] = detail::field_to_json(field);
        });
  return json;
}

/// Sets the fields that `json` names; the others keep their values.
/// Throws DataError where `json` is no object, a key is unknown or a value has another type;
/// `where` (a file, a key path) opens the message.
template <class T>
void fields_from_json(T& options, const Json& json, const std::string& where) {
  if (!json.is_object()) detail::wrong_type(where, "an object", json);
  std::set<std::string> known;
  visit(options, [&](const char* name, auto& field, const Field& /*about*/ = {}) {
    known.insert(name);
    if (const auto it = json.find(name); it != json.end())
      field = detail::field_from_json<std::remove_cvref_t<decltype(field)>>(
          *it, where + ": '" + name + "'");
  });
  for (const auto& [key, value] : json.items())
    if (!known.contains(key)) throw DataError("{}: unknown key '{}'", where, key);
}

/// A value that its Field does not allow.
struct Fault {
  std::string field, expected, found;
};

namespace detail {

template <class T>
std::optional<Fault> find_fault(const char* name, const T& value, const Field& about) {
  if constexpr (is_optional<T>) {
    return value ? find_fault(name, *value, about) : std::nullopt;
  } else if constexpr (is_vector<T> || std::same_as<T, Size2d>) {
    for (const auto& one : value)
      if (auto fault = find_fault(name, one, about)) return fault;
  } else if constexpr (std::same_as<T, std::string>) {
    if (!about.allows(value)) return Fault{name, about.expected_names(), "'" + value + "'"};
  } else if constexpr (std::is_arithmetic_v<T> && !std::same_as<T, bool>) {
    if (!about.allows(static_cast<double>(value)))
      return Fault{name, about.expected(std::integral<T>), format("{}", value)};
  }
  return std::nullopt;
}

}  // namespace detail

/// The first field whose value its Field does not allow; none where all are allowed.
template <class T>
std::optional<Fault> find_fault(const T& options) {
  std::optional<Fault> first;
  visit(const_cast<T&>(options),  // visit only reads here
        [&](const char* name, auto& field, const Field& about = {}) {
          if (!first) first = detail::find_fault(name, std::as_const(field), about);
        });
  return first;
}

/// Throws UsageError for the first field whose value its Field does not allow.
template <class T>
void check_fields(const T& options) {
  if (const auto fault = find_fault(options))
    throw UsageError("{}: expected {}, found {}", fault->field, fault->expected, fault->found);
}

/// Equality of two visited structs, field by field.
template <class T>
bool fields_equal(const T& a, const T& b) {
  return fields_to_json(a) == fields_to_json(b);
}

}  // namespace vit
