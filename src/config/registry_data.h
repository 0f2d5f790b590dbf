// timm's architectures, weight tags and old names as JSON text.
#pragma once

#include <string>

#include "vit/core/json.h"

namespace vit::config {

/// {"tag_defaults": …, "architectures": {name: arguments}, "tags": {name: {tag: what differs from
/// tag_defaults}} (the default tag first), "aliases": {old name: "name.tag"}}
extern const char* const kRegistryJson;

/// What the entry function of timm's architecture (old names and tags understood) gives to the
/// constructor. Throws UsageError for an unknown name.
const Json& architecture_arguments(const std::string& name);

/// What timm's pretrained_cfg holds for an architecture (its default tag) or a tag: input_size,
/// mean, …. Throws UsageError for an unknown name.
Json architecture_entry(const std::string& name);

/// The architecture of timm's that a name means: aliases followed, the tag cut off.
std::string timm_architecture_name(const std::string& name);

}  // namespace vit::config
