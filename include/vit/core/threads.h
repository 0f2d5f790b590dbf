// How many cores there are for this process, and a pool of threads over them.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

namespace vit {

/// Cores that this process may use: CPU affinity and cgroup quota (v1, v2) counted; at least 1.
int available_cores();

/// A thread that runs `work`. Throws IoError where the system has none to give.
std::thread start_thread(std::function<void()> work);

/// Runs tasks in the order in which they were given. The destructor finishes the queue.
class ThreadPool {
 public:
  /// Throws IoError where the system does not give so many threads; none remains then.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /// The future carries `task`'s result or exception.
  template <class Task>
  auto submit(Task task) {
    using Result = std::invoke_result_t<Task>;
    auto packaged = std::make_shared<std::packaged_task<Result()>>(std::move(task));
    auto future = packaged->get_future();
    enqueue([packaged] { (*packaged)(); });
    return future;
  }

 private:
  void enqueue(std::function<void()> task);
  void work();
  void stop();

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> tasks_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace vit
