// What batches are made of: images and tensors, found one after the other.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vit/core/random.h"
#include "vit/data/dataset.h"
#include "vit/data/eval_transform.h"
#include "vit/data/image.h"

namespace vit::data {

/// One image or one tensor, not loaded yet.
struct Sample {
  std::string name;         ///< as rows show it; empty where nobody asks (training)
  std::int64_t label = -1;  ///< its class; −1 where unknown
  std::int64_t index = -1;  ///< into the dataset; −1 where there is none
  /// Writes the model's input [C, H, W]; where `image` is not null and the sample is an image,
  /// also the 8-bit pixels that the model sees. Throws what is wrong with the sample. Called once,
  /// from any thread.
  std::function<void(std::span<float> chw, Image* image)> load;
  std::vector<std::int64_t> labels{};  ///< of a multi-label dataset: all its classes
};

/// A stream of samples, drawn by one thread. Outlives the samples' loads.
class SampleSource {
 public:
  virtual ~SampleSource() = default;
  /// None at the end, or after `cancel`.
  virtual std::optional<Sample> next() = 0;
  /// From any thread: `next` returns soon, with none.
  virtual void cancel() { cancelled_ = true; }

 protected:
  bool cancelled() const { return cancelled_; }

 private:
  std::atomic<bool> cancelled_ = false;
};

/// Writes one sample `[C, H, W]`; called from several threads at once.
using SampleTransform = std::function<void(const Image&, Random&, std::span<float>)>;

struct EpochOptions {
  std::uint64_t seed = 0;   ///< sample `index` draws from Random(seed, epoch, index)
  std::uint64_t epoch = 0;  ///< of this pass
  std::int64_t begin = 0;   ///< position where the pass goes on
  /// A stream a position instead of the sample's index, so that a repeated index draws anew.
  std::vector<std::uint64_t> streams;
};

/// A training pass over `indices` of a dataset. Throws UsageError where an index is none of the
/// dataset or `streams` are not as many.
std::unique_ptr<SampleSource> epoch_samples(std::shared_ptr<const Dataset> dataset,
                                            SampleTransform transform,
                                            std::vector<std::int64_t> indices,
                                            EpochOptions options);

/// Image `index` of a dataset through `transform` into `chw`. Throws its error, which names it.
void load_for_training(const Dataset& dataset, std::int64_t index, const SampleTransform& transform,
                       Random random, std::span<float> chw);

/// The images of a dataset in order, as the model sees them when it is used. `classes[i]` is the
/// label of the dataset's class i; empty: its own labels. `transform` is asked for with each image,
/// by several threads at once.
std::unique_ptr<SampleSource> dataset_samples(std::shared_ptr<const Dataset> dataset,
                                              std::function<const EvalTransform&()> transform,
                                              std::vector<std::int64_t> classes = {});

/// An image through `transform` into `chw`, and its 8-bit form into `cropped` where asked for.
/// Throws DataError, which `name` opens, where the transform cannot take it.
void preprocess(const std::string& name, const ImageView& image, const EvalTransform& transform,
                std::span<float> chw, Image* cropped);

/// 0 … n − 1 in the random order of (seed, epoch).
std::vector<std::int64_t> shuffled(std::int64_t n, std::uint64_t seed, std::uint64_t epoch);

/// 0 … n − 1 in order.
std::vector<std::int64_t> in_order(std::int64_t n);

}  // namespace vit::data
