// What steps work on: buffers of one image or of a batch, and the threads that share the work.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/geometry.h"
#include "vit/core/thread_team.h"
#include "vit/engine/engine.h"
#include "vit/kernels/gemm.h"

namespace vit::engine {

class Observer;

/// Tiles of rows that a thread takes at a time where the rows are shared.
inline constexpr int kTilesAtOnce = 8;

/// A buffer of the plan, by its place in the plan's list.
using BufferId = int;

enum class Scope {
  kImage,  ///< one for each image that is worked on at the same time
  kBatch,  ///< one for all images of a batch: `rows` for each
};

struct BufferSpec {
  std::string name;
  Scope scope = Scope::kImage;
  bool packed = false;
  kernels::RowFormat format = kernels::RowFormat::kFloat32;  ///< of packed ones
  std::int64_t rows = 0;                                     ///< as Geometry::count() takes them
  std::int64_t columns = 0;                                  ///< the same
  BufferId alias = -1;           ///< the buffer whose memory it is under another shape; -1: its own
  unsigned needs = 0;            ///< there where a call has one of them; 0: always
  kernels::RowScale fixed = {};  ///< of packed ones, as PackedRows has it
};

/// Row-major; columns beyond those that the buffer was made with are zero.
struct RowsView {
  float* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t ld = 0;
};

/// Threads that run the same steps on the same frame.
class Group {
 public:
  void reset(int size) {
    size_ = size;
    next_.store(0, std::memory_order_relaxed);
  }
  int size() const { return size_; }

  /// All threads of the group meet.
  void meet() {
    if (size_ == 1)
      next_.store(0, std::memory_order_relaxed);
    else
      barrier_.wait(size_, [this] { next_.store(0, std::memory_order_relaxed); });
  }

  /// Calls f(begin, end) for pieces of [0, total) of about `grain`, each on the thread that is free
  /// first. Once between two meetings.
  template <class F>
  void share(int total, int grain, const F& f) {
    // As many pieces for each thread, so that all end together.
    const int rounds = std::max(1, (total + grain * size_ - 1) / (grain * size_));
    const int pieces = std::min(total, rounds * size_);
    for (int i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < pieces;)
      f(static_cast<int>(std::int64_t{total} * i / pieces),
        static_cast<int>(std::int64_t{total} * (i + 1) / pieces));
  }

 private:
  int size_ = 1;
  SpinBarrier barrier_;
  alignas(64) std::atomic<int> next_{0};
};

/// One thread's view of a step's surroundings.
struct Frame {
  Isa isa = Isa::kPortable;
  const std::vector<BufferSpec>* specs = nullptr;
  float* const* buffers = nullptr;  ///< by BufferId
  std::int64_t image = 0;           ///< index in the batch; 0 in batch steps
  std::int64_t batch = 1;           ///< images of the call
  int rank = 0;                     ///< of the thread
  const Geometry* geometry = nullptr;
  const float* input = nullptr;  ///< of the image
  const Want* want = nullptr;
  Output* output = nullptr;      ///< of the batch; has room for what is wanted
  float* scratch = nullptr;      ///< of this thread
  Observer* observer = nullptr;  ///< or null; then the group is this thread alone
  Group* group = nullptr;

  const BufferSpec& spec(BufferId id) const { return (*specs)[static_cast<std::size_t>(id)]; }

  std::int64_t rows(BufferId id) const {
    return image_rows(id) * (spec(id).scope == Scope::kBatch ? batch : 1);
  }
  /// Rows of one image.
  std::int64_t image_rows(BufferId id) const { return geometry->count(spec(id).rows); }
  std::int64_t columns(BufferId id) const { return geometry->count(spec(id).columns); }

  RowsView rows_view(BufferId id) const {
    return {buffers[id], rows(id), columns(id), kernels::padded(columns(id))};
  }

  kernels::PackedRows packed_view(BufferId id) const {
    auto rows =
        kernels::packed_rows(isa, buffers[id], this->rows(id), columns(id), spec(id).format);
    rows.fixed = spec(id).fixed;
    return rows;
  }
};

}  // namespace vit::engine
