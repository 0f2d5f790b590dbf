// Mixed precision for the length of a scope.
#pragma once

#include <ATen/autocast_mode.h>

#include <string>

namespace vit::train {

/// Matrix products in bf16 or fp16 while it lives, unless `amp` is off; weights are cast once a
/// scope.
class Autocast {
 public:
  Autocast(const std::string& amp, c10::DeviceType device)
      : enabled_(amp != "off"), device_(device) {
    if (!enabled_) return;
    at::autocast::set_autocast_dtype(device_, amp == "fp16" ? at::kHalf : at::kBFloat16);
    at::autocast::set_autocast_enabled(device_, true);
    at::autocast::increment_nesting();
  }
  ~Autocast() {
    if (!enabled_) return;
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(device_, false);
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  bool enabled_;
  c10::DeviceType device_;
};

}  // namespace vit::train
