// Memory and meeting points of one call.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "engine/memory.h"
#include "engine/plan.h"

namespace vit::engine {

/// Buffers for as many images at the same time as there are threads, the batch's buffers, and each
/// thread's scratch memory.
class Workspace {
 public:
  Workspace(const Plan& plan, int threads);

  /// Makes room for `batch` images.
  void reserve(std::int64_t batch);

  /// Before the threads' run().
  void start();

  /// Thread `rank` of `count`'s part of a forward pass; all threads return after the last step.
  /// `seconds`, where it is given, has room for all steps of the plan: the time of this thread.
  void run(const float* images, std::int64_t batch, float* output, int rank, int count,
           double* seconds);

 private:
  struct Slot {  // of one image at a time
    std::vector<FloatBuffer> memory;
    std::vector<float*> buffers;  ///< by BufferId; the batch's too
    Group group;
  };

  void make_slots();
  void bind_batch_buffers();
  void run_image(Frame frame, Slot& slot, const float* images, std::int64_t image,
                 double* seconds) const;

  const Plan& plan_;
  std::int64_t capacity_ = 0;
  std::vector<FloatBuffer> batch_memory_;  ///< by BufferId
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<std::unique_ptr<Group>> solo_;  ///< by rank
  Group all_;                                 ///< of all threads
  std::vector<FloatBuffer> scratch_;          ///< by rank
  std::atomic<std::int64_t> next_image_{0};
};

}  // namespace vit::engine
