// The learning rate of each step.
#pragma once

#include <cstdint>
#include <string>

namespace vit::train {

/// Of a whole run, in steps.
struct Schedule {
  std::string name = "cosine";    ///< one of schedule_names()
  double lr = 1e-3;               ///< at the top
  double min_lr = 0.0;            ///< at the end
  double warmup_lr = 0.0;         ///< at step 0 of a warm-up
  std::int64_t total_steps = 1;   ///< of the whole run, the warm-up included
  std::int64_t warmup_steps = 0;  ///< rises linearly this long
  std::int64_t decay_steps = 1;   ///< `step`: between two falls
  double decay_rate = 0.1;        ///< `step`: factor of a fall
};

/// The learning rate of step `step`, from 0. Equal to timm 1.0.31's schedulers on updates without
/// warmup_prefix: CosineLRScheduler, PolyLRScheduler of power 1, StepLRScheduler.
/// Throws UsageError for an unknown name.
double learning_rate(const Schedule& schedule, std::int64_t step);

}  // namespace vit::train
