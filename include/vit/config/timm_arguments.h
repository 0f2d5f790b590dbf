// The keyword arguments of timm's VisionTransformer as our options, and back.
#pragma once

#include <string>
#include <string_view>

#include "vit/config/vision_transformer_options.h"
#include "vit/core/json.h"

namespace vit::config {

/// Options of timm's model with these constructor arguments (timm's names; the others at timm's
/// defaults). Throws DataError, opened by `where`, for a value of the wrong type and for an
/// argument that is not supported.
VisionTransformerOptions timm_options(const Json& arguments, const std::string& where);

/// `arguments` over options that are there already.
void apply_timm_arguments(VisionTransformerOptions& options, const Json& arguments,
                          const std::string& where);

/// The arguments in which `options` differ from timm's model with options `base`, by timm's names.
/// Throws DataError, opened by `where`, for a difference that JSON cannot say.
Json timm_arguments(const VisionTransformerOptions& options, const VisionTransformerOptions& base,
                    const std::string& where);

/// The first argument that is not supported; empty where there is none.
std::string unsupported_argument(const Json& arguments);

/// Whether the seed's constructor has this argument of timm's.
bool is_seed_argument(std::string_view timm_name);

/// What a model with these options has that no model of timm's has; empty where there is nothing.
std::string why_not_timm(const VisionTransformerOptions& options);

}  // namespace vit::config
