// --list-models
#pragma once

#include <ostream>
#include <string>

namespace vit::tools {

/// One architecture a line, those that match the shell pattern `glob`.
void list_models(std::ostream& out, const std::string& glob);

}  // namespace vit::tools
