#include "vit/core/thread_team.h"

#include "vit/core/threads.h"

namespace vit {
namespace {

/// Some 50 µs: longer than threads of one step differ by, shorter than anyone notices.
constexpr int kSpins = 1500;

void pause_core() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

void SpinBarrier::wait_while(const std::atomic<int>& value, int old) {
  for (int i = 0; i < kSpins; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    pause_core();
  }
  while (value.load(std::memory_order_acquire) == old) value.wait(old, std::memory_order_acquire);
}

void SpinBarrier::set_and_wake(std::atomic<int>& value, int now) {
  // Sequentially consistent: notify_all looks for sleepers with a plain load, which a processor may
  // do before an earlier store is seen, and then who goes to sleep is missed.
  value.exchange(now, std::memory_order_seq_cst);
  value.notify_all();
}

ThreadTeam::ThreadTeam(int size) {
  try {
    for (int rank = 1; rank < size; ++rank)
      threads_.push_back(start_thread([this, rank] { work(rank); }));
  } catch (...) {
    // The destructor of an object that was never made does not run.
    stop();
    throw;
  }
}

ThreadTeam::~ThreadTeam() { stop(); }

void ThreadTeam::stop() {
  stopping_ = true;
  turn_.fetch_add(1, std::memory_order_seq_cst);
  turn_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void ThreadTeam::run_task(const Task& task) {
  const std::unique_lock lock(busy_, std::try_to_lock);
  if (!lock || threads_.empty()) return task.call(task.context, 0, 1);
  task_ = task;
  turn_.fetch_add(1, std::memory_order_seq_cst);
  turn_.notify_all();
  task.call(task.context, 0, size());
  done_.wait(size(), [] {});
}

void ThreadTeam::work(int rank) {
  for (int seen = 0;; ++seen) {
    SpinBarrier::wait_while(turn_, seen);
    if (stopping_) return;
    task_.call(task_.context, rank, size());
    done_.wait(size(), [] {});
  }
}

}  // namespace vit
