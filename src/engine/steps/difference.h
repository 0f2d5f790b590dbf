// What differential attention subtracts.
#pragma once

#include "engine/step.h"

namespace vit::engine {

/// a −= rate · b, for buffers of rows.
class DifferenceStep : public Step {
 public:
  DifferenceStep(std::string name, BufferId a, BufferId b, float rate)
      : Step(std::move(name)), a_(a), b_(b), rate_(rate) {}
  std::string describe() const override;
  void run(const Frame& frame) const override;

 private:
  BufferId a_, b_;
  float rate_;
};

}  // namespace vit::engine
