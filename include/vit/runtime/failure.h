// What went wrong inside LibTorch or an allocator, as our own error: its kind and one line.
#pragma once

#include <exception>
#include <optional>
#include <string>

#include "vit/core/error.h"

namespace vit::runtime {

/// The Error that `failure` amounts to: out of memory on a device (kUsage) or in memory (kIo), with
/// what was asked for; a CUDA failure (kUsage), with the device. None where it is another matter.
std::optional<Error> explain_failure(const std::exception& failure);

}  // namespace vit::runtime
