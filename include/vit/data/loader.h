// Batches in order, made ahead by worker threads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vit/core/array.h"
#include "vit/core/random.h"
#include "vit/core/visit.h"
#include "vit/data/dataset.h"

namespace vit::data {

struct LoaderOptions {
  std::int64_t batch_size = 1;
  std::int64_t channels = 3;
  Size2d size{224, 224};      ///< height and width of a sample
  std::int64_t workers = 1;   ///< threads; 0: everything in `next`
  std::int64_t prefetch = 0;  ///< batches in the making or waiting; 0: what keeps the workers busy
  std::uint64_t seed = 0;     ///< sample `index` draws from Random(seed, epoch, index)
  std::uint64_t epoch = 0;    ///< of this pass
  std::int64_t start_batch = 0;  ///< goes on in the middle of an epoch
  bool drop_last = false;        ///< leaves out a last batch that is not full
  bool keep_errors = false;      ///< a bad image gives zeros and its message, not an exception
  /// A stream a position instead of the sample's index, so that a repeated index draws anew.
  std::vector<std::uint64_t> streams;
};

struct Batch {
  Array images;                       ///< `[B, C, H, W]`
  std::vector<std::int64_t> labels;   ///< `[B]`; −1 without labels
  std::vector<std::int64_t> indices;  ///< `[B]`, into the data set
  std::vector<std::string> errors;    ///< `[B]`, empty text where good; empty without keep_errors
};

/// Writes one sample `[C, H, W]`; called from several threads at once.
using SampleTransform = std::function<void(const Image&, Random&, std::span<float>)>;

/// One pass over `indices`. What it gives depends on its arguments alone, not on the number of
/// workers. Memory is bounded by `prefetch` batches. The destructor stops the workers.
class Loader {
 public:
  /// Throws UsageError on options that cannot be, IoError where a worker cannot be started.
  Loader(std::shared_ptr<const Dataset> dataset, SampleTransform transform,
         std::vector<std::int64_t> indices, LoaderOptions options);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// The next batch in order; none at the end. Rethrows what a worker met, at the batch where it
  /// met it.
  std::optional<Batch> next();

  /// Batches of the whole pass, those before `start_batch` included.
  std::int64_t num_batches() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// 0 … n − 1 in the random order of (seed, epoch).
std::vector<std::int64_t> shuffled(std::int64_t n, std::uint64_t seed, std::uint64_t epoch);

/// 0 … n − 1 in order.
std::vector<std::int64_t> in_order(std::int64_t n);

}  // namespace vit::data
