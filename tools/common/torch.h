// What the commands that link LibTorch add to Command.
#pragma once

#include <c10/core/Device.h>

#include "common/command.h"

namespace vit::tools {

/// Opens `--device`. Throws UsageError.
c10::Device open_device(Command& command);

/// LibTorch's threads and its failures: before `run`.
void use_libtorch(Command& command);

/// Its failures alone, of a command whose threads are options of its own.
void explain_libtorch(Command& command);

}  // namespace vit::tools
