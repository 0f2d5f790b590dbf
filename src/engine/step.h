// One step of a plan. Its threads meet after each step.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "engine/frame.h"

namespace vit::engine {

class Step {
 public:
  explicit Step(std::string name) : name_(std::move(name)) {}
  virtual ~Step() = default;
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;

  /// Which part of the model: `block.3.mlp.fc1`.
  const std::string& name() const { return name_; }
  /// What it does: `linear 768 → 3072, gelu`.
  virtual std::string describe() const = 0;
  /// Floating-point operations for one image (2 for a multiplication with addition); 0 where they
  /// are next to nothing.
  virtual double flops(const Geometry& /*geometry*/) const { return 0.0; }
  /// Floats of scratch memory that a thread needs.
  virtual std::int64_t scratch(Isa /*isa*/, const Geometry& /*geometry*/) const { return 0; }
  /// Called by every thread of the frame's group.
  virtual void run(const Frame& frame) const = 0;

 private:
  std::string name_;
};

using StepPtr = std::unique_ptr<Step>;

}  // namespace vit::engine
