// Batches as a step takes them: whole, mixed, on the model's device.
#pragma once

#include <ATen/core/Tensor.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vit/core/threads.h"
#include "vit/data/loader.h"

namespace vit::train {

struct PreparedBatch {
  at::Tensor images;                  ///< [B, C, H, W]
  at::Tensor targets;                 ///< what Objective::prepare gives
  std::vector<std::int64_t> indices;  ///< of the images in the dataset
  /// Bad images that were replaced: index and what is wrong.
  std::vector<std::pair<std::int64_t, std::string>> bad;
  std::exception_ptr error;  ///< what kept it from being made, after all of `bad`
  double waited = 0;         ///< seconds: for its images, or for all of it where it is made ahead
};

/// One pass over a dataset, batch by batch. Where the device works beside the host, the next batch
/// is prepared while a step runs.
class PreparedBatches {
 public:
  /// `number`: of the batch in its epoch. What it throws is the batch's `error`.
  using Prepare =
      std::function<void(data::Batch batch, std::int64_t number, PreparedBatch& prepared)>;

  /// `first`: the first batch's number.
  PreparedBatches(std::unique_ptr<data::SampleSource> samples, data::LoaderOptions options,
                  bool ahead, std::int64_t first, Prepare prepare);
  ~PreparedBatches();
  PreparedBatches(const PreparedBatches&) = delete;
  PreparedBatches& operator=(const PreparedBatches&) = delete;

  /// Throws what the samples' source threw, std::bad_optional_access after the last batch.
  PreparedBatch next();

 private:
  std::optional<PreparedBatch> make();

  std::atomic<bool> cancelled_ = false;
  Prepare prepare_;
  std::int64_t number_;
  data::Loader loader_;
  // Declared after what its thread uses, so that the thread ends first.
  std::optional<ThreadPool> ahead_;
  std::future<std::optional<PreparedBatch>> pending_;
};

}  // namespace vit::train
