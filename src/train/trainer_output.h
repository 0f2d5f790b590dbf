// What of a run is open while it runs.
#pragma once

#include "run_log.h"
#include "vit/train/trainer.h"

namespace vit::train {

struct Trainer::Output {
  RunLog log;
};

}  // namespace vit::train
