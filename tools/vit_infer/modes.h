// The three things that vit-infer does. Each returns the exit code.
#pragma once

#include "common/command.h"
#include "options.h"

namespace vit::tools {

int run_rows(Command& command, const InferOptions& options);
int run_validation(Command& command, const InferOptions& options);
int run_benchmark(Command& command, const InferOptions& options);

}  // namespace vit::tools
