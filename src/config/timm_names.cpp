#include "vit/config/timm_names.h"

#include <array>

namespace vit::config {
namespace {

struct Pair {
  std::string_view timm, native;
};

/// First components that differ; everything else has the seed's names, which are timm's too.
constexpr std::array kPrefixes{
    Pair{"blocks", "block"},
};

constexpr std::array<std::string_view, 2> kWrappers{"module.", "_orig_mod."};

std::string renamed(std::string_view name, std::string_view Pair::*from,
                    std::string_view Pair::*to) {
  const auto first = name.substr(0, name.find('.'));
  for (const auto& pair : kPrefixes)
    if (pair.*from == first) return std::string(pair.*to).append(name.substr(first.size()));
  return std::string(name);
}

}  // namespace

std::string TimmKeyMap::to_native(std::string_view timm) {
  return renamed(timm, &Pair::timm, &Pair::native);
}

std::string TimmKeyMap::to_timm(std::string_view native) {
  return renamed(native, &Pair::native, &Pair::timm);
}

std::string TimmKeyMap::without_wrappers(std::string_view name) {
  for (bool stripped = true; stripped;) {
    stripped = false;
    for (const auto wrapper : kWrappers)
      if (name.starts_with(wrapper)) {
        name.remove_prefix(wrapper.size());
        stripped = true;
      }
  }
  return std::string(name);
}

}  // namespace vit::config
