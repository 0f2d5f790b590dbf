// Inputs to batches: loaded by worker threads while the model works, handed out in order.
#pragma once

#include <array>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vit/core/array.h"
#include "vit/data/image.h"
#include "vit/infer/inputs.h"

namespace vit::infer {

struct PipelineOptions {
  std::array<std::int64_t, 3> shape{3, 224, 224};  ///< [C, H, W] of one input
  std::int64_t batch_size = 8;
  std::int64_t workers = 1;        ///< threads that load
  std::int64_t prefetch = 3;       ///< batches in the making or waiting; bounds the memory
  bool keep_images = false;        ///< LoadedInput::image is wanted
  std::function<bool()> stopping;  ///< asked while waiting: true ends the stream early
};

struct LoadedInput {
  std::string name;
  std::int64_t label = -1;
  std::exception_ptr error;  ///< what was wrong; its row of the batch is then 0
  data::Image image;         ///< what the model sees; empty for tensors and unless kept
  double load_seconds = 0;
};

struct InputBatch {
  Array images;  ///< [B, C, H, W]
  std::vector<LoadedInput> inputs;
};

/// One pass over a source. Every batch but the last is full. Memory does not depend on the number
/// of inputs. The destructor cancels what is under way.
class Pipeline {
 public:
  /// Throws IoError where its threads cannot be started.
  Pipeline(std::unique_ptr<InputSource> source, PipelineOptions options);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  /// The next batch in order; none at the end, or when stopping. Throws what the source threw.
  std::optional<InputBatch> next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// `text` of an error that an input's load threw, in one line.
std::string error_message(const std::exception_ptr& error);

}  // namespace vit::infer
