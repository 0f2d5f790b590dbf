#include "vit/core/visit.h"

#include <cmath>

#include "vit/core/contains.h"

namespace vit {

bool Field::allows(double number) const {
  return std::isfinite(number) && (above_low ? number > low : number >= low) &&
         (below_high ? number < high : number <= high);
}

bool Field::allows(const std::string& text) const { return names.empty() || contains(names, text); }

std::string Field::expected(bool whole, bool plural) const {
  auto what = format("{}{}number{}", plural ? "" : "a ", whole ? "whole " : "", plural ? "s" : "");
  if (std::isinf(low) && std::isinf(high)) return what;
  if (above_low) return format("{} above {}, at most {}", what, low, high);
  return format("{} from {} to {}{}", what, low, below_high ? "below " : "", high);
}

std::string Field::expected_names() const {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    text += i == 0 ? "" : i + 1 == names.size() ? " or " : ", ";
    text += names[i].empty() ? "''" : names[i];
  }
  return text;
}

}  // namespace vit
