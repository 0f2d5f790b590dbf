// Recipes: named sets of values for TrainOptions.
#pragma once

#include <string>
#include <vector>

#include "vit/core/json.h"

namespace vit::train {

/// Names that find_recipe knows.
std::vector<std::string> recipe_names();

/// The values of a recipe, by TrainOptions' field names: to be laid over the defaults.
/// Throws UsageError for an unknown name, listing those there are.
const Json& find_recipe(const std::string& name);

}  // namespace vit::train
