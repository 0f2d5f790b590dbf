// What a model's linear layers see when it looks at pictures: what int8 weights are fitted to.
#pragma once

#include <filesystem>

#include "vit/infer/inputs.h"
#include "vit/model/quantize.h"
#include "vit/model/weights.h"

namespace vit::infer {

struct CalibrateOptions {
  std::int64_t batch_size = 8;
  std::int64_t workers = 1;  ///< threads that decode
};

/// Runs the model over the pictures in `folder` (all of them, walked) or over tensors that
/// open_inputs takes. Throws DataError at the first bad picture and where there is none, IoError.
model::InputMoments collect_input_moments(const model::LoadedModel& model,
                                          const std::filesystem::path& folder,
                                          const CalibrateOptions& options = {});

}  // namespace vit::infer
