// The architectures that have a name: timm's, and the seed's.
#pragma once

#include <string>
#include <vector>

#include "vit/config/model_config.h"

namespace vit::config {

/// Every architecture's name, sorted.
std::vector<std::string> architecture_names();

/// The configuration of an architecture, or of a published weight tag (`ARCH.TAG`), by timm's
/// name, an old name of timm's, or `vit_base_patch16_224.seed`.
/// Throws UsageError for an unknown name, suggesting the nearest.
ModelConfig find_architecture(const std::string& name);

}  // namespace vit::config
