// "Did you mean …?"
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vit {

/// The candidate with the smallest edit distance to `name`; empty where none is near (more than a
/// third of the letters differ).
std::string nearest(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace vit
