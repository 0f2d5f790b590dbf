#include "vit/model/calibrate.h"

#include <ATen/Functions.h>

#include "vit/core/error.h"
#include "vit/engine/packed_engine.h"

namespace vit::model {

Calibration calibrate(const ModelConfig& config, const engine::WeightLookup& weights,
                      const NextBatch& next) {
  const engine::PackedEngine engine(config.model, weights,
                                    engine::EngineOptions().low_memory(true));
  engine::Observer observer;
  std::int64_t images = 0;
  while (const auto batch = next()) {
    images += batch->size(0);
    engine.observe(
        {batch->data.data(), batch->size(0), batch->size(1), batch->size(2), batch->size(3)},
        observer);
  }
  if (images == 0) throw DataError("calibration: expected images, found none");
  Calibration calibration;
  for (const auto& [name, inputs] : observer.layers()) {
    const auto [scale, offset] = inputs.best_scale();
    calibration[name] = {at::tensor(inputs.mean_squares()), at::tensor({scale, offset})};
  }
  return calibration;
}

}  // namespace vit::model
