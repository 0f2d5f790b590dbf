// Threads that work on one thing together and meet often.
#pragma once

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

namespace vit {

/// Threads wait for each other: spinning for a moment, then asleep, so that a thread whose core
/// somebody else has taken gets it back.
class SpinBarrier {
 public:
  /// Returns when `size` threads have called it. `last` runs on the last one, before the others go
  /// on.
  template <class Last>
  void wait(int size, const Last& last) {
    const int turn = turn_.load(std::memory_order_relaxed);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == size) {
      arrived_.store(0, std::memory_order_relaxed);
      last();
      set_and_wake(turn_, turn + 1);
    } else {
      wait_while(turn_, turn);
    }
  }

  /// Returns when `value` is no longer `old`.
  static void wait_while(const std::atomic<int>& value, int old);
  /// Sets it and wakes who waits. In the same library as `wait_while`: the standard library keeps
  /// its list of sleepers once in each library that hides its symbols.
  static void set_and_wake(std::atomic<int>& value, int now);

 private:
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<int> turn_{0};
};

/// The calling thread and `size - 1` more, which stay alive between runs.
class ThreadTeam {
 public:
  /// At least 1.
  explicit ThreadTeam(int size);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return static_cast<int>(threads_.size()) + 1; }

  /// Calls f(rank, count) once for each rank in [0, count), all at the same time, and returns when
  /// all have returned. `count` is size(), or 1 where another thread's run is under way: then the
  /// caller works alone. `f` must not throw. Allocates nothing.
  template <class F>
  void run(const F& f) {
    run_task({[](const void* context, int rank, int count) {
                (*static_cast<const F*>(context))(rank, count);
              },
              &f});
  }

 private:
  struct Task {
    void (*call)(const void* context, int rank, int count) = nullptr;
    const void* context = nullptr;
  };

  void run_task(const Task& task);
  void work(int rank);
  void stop();

  std::mutex busy_;
  Task task_;
  bool stopping_ = false;
  alignas(64) std::atomic<int> turn_{0};  ///< counts runs
  SpinBarrier done_;
  std::vector<std::thread> threads_;
};

}  // namespace vit
