// timm's parameter names and ours: a table that is read in both directions.
#pragma once

#include <string>
#include <string_view>

namespace vit::config {

struct TimmKeyMap {
  /// `blocks.3.attn.qkv.weight` → `block.3.attn.qkv.weight`. Also for names of modules. A name that
  /// is the same in both dialects comes back unchanged.
  static std::string to_native(std::string_view timm);
  static std::string to_timm(std::string_view native);

  /// The name without the prefixes that wrappers leave (`module.`, `_orig_mod.`, in any order), as
  /// timm's clean_state_dict strips them.
  static std::string without_wrappers(std::string_view name);
};

}  // namespace vit::config
