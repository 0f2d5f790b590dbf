// Memory and meeting points of one call.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "engine/memory.h"
#include "engine/plan.h"
#include "vit/engine/profile.h"

namespace vit::engine {

/// One forward pass.
struct Call {
  const float* images = nullptr;
  std::int64_t batch = 0;
  std::int64_t image_size = 0;  ///< floats
  Demand demand;
  const Want* want = nullptr;
  Output* output = nullptr;
  Observer* observer = nullptr;  ///< or null; then one thread alone runs
  bool shared_images = true;     ///< several threads work on an image where some would be idle
};

/// What a thread did, in order. `step` counts all steps of the plan.
using Events = std::vector<StepEvent>;

/// Buffers for as many images at the same time as there are threads, the batch's buffers, and each
/// thread's scratch memory. For images of one size.
class Workspace {
 public:
  Workspace(const Plan& plan, std::shared_ptr<const Geometry> geometry, int threads);

  const Geometry& geometry() const { return *geometry_; }
  /// Floating-point operations of an image before the batch's steps.
  double image_flops(const Demand& demand) const;

  /// Makes room for `batch` images and what is needed of them.
  void reserve(std::int64_t batch, unsigned needs);

  /// Before the threads' run().
  void start();

  /// Thread `rank` of `count`'s part of a forward pass; all threads return after the last step.
  /// Adds this thread's events to `events`, where it is given; their times are the clock's.
  void run(const Call& call, int rank, int count, Events* events);

 private:
  struct Slot {  // of one image at a time
    std::vector<FloatBuffer> memory;
    std::vector<float*> buffers;  ///< by BufferId; the batch's too
    Group group;
  };

  void reserve_images(unsigned needs);
  void bind_batch_buffers();
  void run_steps(const std::vector<PlannedStep>& steps, const Demand& demand, const Frame& frame,
                 Events* events) const;
  void run_image(Frame frame, Slot& slot, const Call& call, std::int64_t image,
                 Events* events) const;

  const Plan& plan_;
  std::shared_ptr<const Geometry> geometry_;
  std::int64_t capacity_ = 0;
  unsigned needs_ = 0;                     ///< whose buffers are there
  std::vector<FloatBuffer> batch_memory_;  ///< by BufferId
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<std::unique_ptr<Group>> solo_;  ///< by rank
  Group all_;                                 ///< of all threads
  std::vector<FloatBuffer> scratch_;          ///< by rank
  std::atomic<std::int64_t> next_image_{0};
};

}  // namespace vit::engine
