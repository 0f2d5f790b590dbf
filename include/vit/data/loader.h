// Samples to batches: loaded by worker threads while the model works, handed out in order.
#pragma once

#include <array>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vit/core/array.h"
#include "vit/data/image.h"
#include "vit/data/sample.h"

namespace vit::data {

struct LoaderOptions {
  std::array<std::int64_t, 3> shape{3, 224, 224};  ///< [C, H, W] of one sample
  std::int64_t batch_size = 1;
  std::int64_t workers = 1;        ///< threads that load; 0: everything in `next`
  std::int64_t prefetch = 0;       ///< batches in the making or waiting, which bounds the memory;
                                   ///< 0: default_prefetch(), which keeps the workers busy
  bool keep_images = false;        ///< LoadedSample::image is wanted
  std::function<bool()> stopping;  ///< asked while waiting: true ends the stream early
};

/// Batches in the making or waiting where `prefetch` is 0.
std::int64_t default_prefetch(std::int64_t workers, std::int64_t batch_size);

struct LoadedSample {
  std::string name;
  std::int64_t label = -1, index = -1;
  std::vector<std::int64_t> labels;  ///< of a multi-label dataset: all its classes
  std::exception_ptr error;          ///< what was wrong; its row of the batch is then 0
  Image image;                       ///< what the model sees; empty for tensors and unless kept
  double load_seconds = 0;
};

struct Batch {
  Array images;  ///< `[B, C, H, W]`
  std::vector<LoadedSample> samples;

  std::vector<std::int64_t> labels() const;  ///< `[B]`
};

/// One pass over a source. Every batch but the last is full. What it gives does not depend on the
/// number of workers, nor its memory on the number of samples. The destructor cancels what is
/// under way.
class Loader {
 public:
  /// Throws UsageError on options that cannot be, IoError where a thread cannot be started.
  Loader(std::unique_ptr<SampleSource> source, LoaderOptions options);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// The next batch in order; none at the end, or when stopping. Throws what the source threw,
  /// after the samples before it. What is wrong with a sample is its `error`.
  std::optional<Batch> next();
  /// Whether `next` gave none because of `stopping`, not of the end.
  bool stopped() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

/// Whether an error is a sample's own: it is not what it must be, or cannot be read. Anything else
/// (no memory) is no property of the sample.
bool is_bad_sample(const std::exception_ptr& error);

/// Throws the error of the first sample that has one.
void check_samples(const Batch& batch);

}  // namespace vit::data
