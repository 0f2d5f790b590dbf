// Mixed precision for the length of a scope.
#pragma once

#include <ATen/autocast_mode.h>

#include <optional>

namespace vit::runtime {

/// The type that products on `device` are cast to now; null: none.
inline std::optional<at::ScalarType> autocast_type(c10::DeviceType device) {
  if (!at::autocast::is_autocast_enabled(device)) return std::nullopt;
  return at::autocast::get_autocast_dtype(device);
}

/// Matrix products on `device` in `type` while it lives, or as they are where that is null; weights
/// are cast once a scope.
class Autocast {
 public:
  Autocast(std::optional<at::ScalarType> type, c10::DeviceType device)
      : device_(device),
        was_enabled_(at::autocast::is_autocast_enabled(device)),
        type_before_(at::autocast::get_autocast_dtype(device)) {
    if (type) at::autocast::set_autocast_dtype(device_, *type);
    at::autocast::set_autocast_enabled(device_, type.has_value());
    at::autocast::increment_nesting();
  }
  ~Autocast() {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_dtype(device_, type_before_);
    at::autocast::set_autocast_enabled(device_, was_enabled_);
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  c10::DeviceType device_;
  bool was_enabled_;
  at::ScalarType type_before_;
};

}  // namespace vit::runtime
