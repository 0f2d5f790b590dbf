#include "common/list_models.h"

#include <fnmatch.h>

#include "vit/config/registry.h"

namespace vit::tools {

void list_models(std::ostream& out, const std::string& glob) {
  for (const auto& name : config::architecture_names())
    if (fnmatch(glob.c_str(), name.c_str(), 0) == 0) out << name << '\n';
}

}  // namespace vit::tools
