#include <algorithm>
#include <charconv>
#include <cstddef>
#include <optional>
#include <string_view>

#include "vit/core/error.h"
#include "vit/data/archive.h"
#include "vit/data/shards.h"

namespace vit::data {
namespace {

constexpr std::size_t kMostExpanded = 1'000'000;

using Words = std::vector<std::string>;

/// Each of `left` before each of `right`.
Words joined(const Words& left, const Words& right) {
  if (left.size() * right.size() > kMostExpanded)
    throw UsageError("expected at most {} shards of a pattern, found {} × {}", kMostExpanded,
                     left.size(), right.size());
  Words all;
  all.reserve(left.size() * right.size());
  for (const auto& a : left)
    for (const auto& b : right) all.push_back(a + b);
  return all;
}

std::optional<std::int64_t> whole(std::string_view text) {
  std::int64_t value = 0;
  const auto* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  constexpr std::int64_t kLargest = std::int64_t{1} << 40;
  if (error != std::errc{} || rest != end || value > kLargest || value < -kLargest)
    return std::nullopt;
  return value;
}

/// `value` with zeros before it, the sign counted, as bash pads where a bound of a range is padded.
std::string padded(std::int64_t value, std::size_t width) {
  auto digits = std::to_string(std::abs(value));
  const std::size_t sign = value < 0 ? 1 : 0;
  if (digits.size() + sign < width) digits.insert(0, width - digits.size() - sign, '0');
  return (value < 0 ? "-" : "") + digits;
}

bool is_padded(std::string_view bound) {
  if (bound.starts_with('-')) bound.remove_prefix(1);
  return bound.size() > 1 && bound.front() == '0';
}

/// `low..high` or `low..high..step` of numbers or letters; none where `body` is no range.
std::optional<Words> range(std::string_view body) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; parts.size() < 4;) {
    const auto dots = body.find("..", at);
    parts.push_back(body.substr(at, dots == body.npos ? body.npos : dots - at));
    if (dots == body.npos) break;
    at = dots + 2;
  }
  if (parts.size() != 2 && parts.size() != 3) return std::nullopt;
  const auto step_of = parts.size() == 3 ? whole(parts[2]) : std::optional<std::int64_t>(1);
  auto low = whole(parts[0]);
  auto high = whole(parts[1]);
  const auto letter = [](std::string_view text) {
    return text.size() == 1 &&
           ((text[0] >= 'a' && text[0] <= 'z') || (text[0] >= 'A' && text[0] <= 'Z'));
  };
  const bool letters = letter(parts[0]) && letter(parts[1]);
  if (letters) {
    low = parts[0][0];
    high = parts[1][0];
  }
  if (!low || !high || !step_of) return std::nullopt;
  const auto step = std::max<std::int64_t>(std::abs(*step_of), 1);
  if (std::abs(*high - *low) / step >= static_cast<std::int64_t>(kMostExpanded))
    throw UsageError("expected at most {} shards of a pattern, found {}", kMostExpanded,
                     std::string(body));
  const auto width =
      is_padded(parts[0]) || is_padded(parts[1]) ? std::max(parts[0].size(), parts[1].size()) : 0;
  Words words;
  const auto add = [&](std::int64_t value) {
    words.push_back(letters ? std::string(1, static_cast<char>(value)) : padded(value, width));
  };
  if (*low <= *high)
    for (auto value = *low; value <= *high; value += step) add(value);
  else
    for (auto value = *low; value >= *high; value -= step) add(value);
  return words;
}

/// Where the brace opened at `open` closes; npos where it does not.
std::size_t closing(std::string_view text, std::size_t open) {
  int depth = 0;
  for (auto at = open; at < text.size(); ++at) {
    if (text[at] == '{') ++depth;
    if (text[at] == '}' && --depth == 0) return at;
  }
  return text.npos;
}

Words expand(std::string_view text, int depth);

/// What stands between a brace and its end: a range, or alternatives separated by commas.
Words alternatives(std::string_view body, int depth) {
  Words words;
  std::size_t start = 0;
  int inside = 0;
  bool list = false;
  for (std::size_t at = 0; at <= body.size(); ++at) {
    if (at < body.size() && body[at] == '{') ++inside;
    if (at < body.size() && body[at] == '}') --inside;
    if (at < body.size() && (body[at] != ',' || inside != 0)) continue;
    list = list || at < body.size();
    for (auto& word : expand(body.substr(start, at - start), depth + 1))
      words.push_back(std::move(word));
    start = at + 1;
  }
  if (list) return words;
  if (auto numbers = range(body)) return std::move(*numbers);
  // One alternative is no list: the braces stay, as in bash.
  for (auto& word : words) word.insert(0, 1, '{').push_back('}');
  return words;
}

Words expand(std::string_view text, int depth) {
  constexpr int kDeepest = 32;
  if (depth > kDeepest) throw UsageError("expected at most {} braces in each other", kDeepest);
  Words words{""};
  while (!text.empty()) {
    const auto open = text.find('{');
    const auto close = open == text.npos ? open : closing(text, open);
    const auto plain = text.substr(0, open);
    if ((open != text.npos && close == text.npos) || plain.find('}') != plain.npos)
      throw UsageError("expected a brace's other half in '{}'", std::string(text));
    words = joined(words, {std::string(plain)});
    if (open == text.npos) return words;
    words = joined(words, alternatives(text.substr(open + 1, close - open - 1), depth));
    text.remove_prefix(close + 1);
  }
  return words;
}

}  // namespace

std::vector<std::string> expand_braces(const std::string& pattern) {
  Words all;
  std::string_view rest = pattern;
  while (true) {
    const auto end = rest.find("::");
    for (auto& word : expand(rest.substr(0, end), 0)) all.push_back(std::move(word));
    if (end == rest.npos) return all;
    rest.remove_prefix(end + 2);
  }
}

bool names_shards(const std::filesystem::path& data, const DataOptions& options) {
  std::error_code none;
  if (std::filesystem::is_directory(data, none))
    return holds_shards(data) && !find_archive_halves(data, options);
  const auto text = data.string();
  return text.ends_with(".tar") || (text.find('{') != text.npos && text.find('}') != text.npos);
}

}  // namespace vit::data
