// A model as a list of steps and the buffers that they work on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/step.h"
#include "vit/config/vision_transformer_options.h"
#include "vit/engine/weights.h"

namespace vit::engine {

struct Plan {
  Isa isa = Isa::kPortable;
  std::vector<BufferSpec> buffers;
  std::vector<StepPtr> image_steps;  ///< for one image at a time
  std::vector<StepPtr> batch_steps;  ///< then, for all images of the batch together
  std::int64_t input_size = 0;       ///< floats of one image
  std::int64_t output_rows = 1;      ///< for each image
  std::int64_t output_columns = 0;

  /// Floats of scratch memory that a thread needs.
  std::int64_t scratch() const;
  /// Floats of a buffer, of the batch's for `batch` images.
  std::int64_t size(const BufferSpec& buffer, std::int64_t batch) const;
};

/// Throws DataError where a weight is missing or has another shape, or the options contradict each
/// other.
Plan build_plan(const config::VisionTransformerOptions& options, const WeightLookup& weights,
                Isa isa);

}  // namespace vit::engine
