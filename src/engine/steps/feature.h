// Inner values to the caller.
#pragma once

#include "engine/step.h"

namespace vit::engine {

/// Copies rows to those of the wanted features that are of this kind.
class FeatureStep : public Step {
 public:
  struct Options {
    FeatureKind::Kind kind = FeatureKind::kPooled;
    std::int64_t layer = 0;      ///< of kLayer
    BufferId in = -1;            ///< rows of an image, or of the batch
    std::int64_t first_row = 0;  ///< of kMean
    bool mean_of_two = false;    ///< each image has two rows, and their mean is the feature
  };
  FeatureStep(std::string name, Options options) : Step(std::move(name)), options_(options) {}
  std::string describe() const override;
  void run(const Frame& frame) const override;

 private:
  void write(const Frame& frame, Array& feature) const;

  Options options_;
};

}  // namespace vit::engine
