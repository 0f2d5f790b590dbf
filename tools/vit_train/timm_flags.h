// Flags of timm's train.py whose meaning is not that of one of ours.
#pragma once

#include <optional>
#include <string>

#include "common/command.h"
#include "vit/core/json.h"

namespace vit::tools {

struct TimmFlags {
  bool model_ema = false;
  std::optional<double> model_ema_decay;
  std::string amp_dtype;
};

void add_timm_flags(Command& command, TimmFlags& flags);

/// Writes what they come to into `given`, by the fields of TrainOptions; our own flags win.
void apply_timm_flags(const TimmFlags& flags, Json& given);

}  // namespace vit::tools
