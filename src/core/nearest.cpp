#include "vit/core/nearest.h"

#include <algorithm>
#include <numeric>

namespace vit {
namespace {

/// Levenshtein's distance; stops caring past `limit`.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit) {
  if (a.size() > b.size() + limit || b.size() > a.size() + limit) return limit + 1;
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    auto diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const auto substituted = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substituted, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string nearest(std::string_view name, const std::vector<std::string>& candidates) {
  // Names in files are unbounded; nobody mistypes 200 letters.
  if (name.size() > 200) return "";
  auto best = name.size() / 3 + 1;
  std::string found;
  for (const auto& candidate : candidates) {
    const auto distance = edit_distance(name, candidate, best);
    if (distance >= best) continue;
    best = distance;
    found = candidate;
  }
  return found;
}

}  // namespace vit
