// What the halves of a dataset are called.
#pragma once

#include <string>
#include <vector>

namespace vit::data {

/// The names that a split goes by, the likeliest first: its own, then timm's synonyms of it
/// (`timm/data/dataset_factory.py`).
std::vector<std::string> spellings(const std::string& split);

}  // namespace vit::data
