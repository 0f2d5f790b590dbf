// JSON as this project uses it: keys keep the order in which they were written.
#pragma once

#include <nlohmann/json.hpp>

namespace vit {

using Json = nlohmann::ordered_json;

}  // namespace vit
