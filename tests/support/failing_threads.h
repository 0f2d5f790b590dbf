// A system that runs out of threads, for tests of those who start some.
#pragma once

namespace vit::testing {

/// While it lives, this process starts `allowed` threads more; the next is refused with EAGAIN, as
/// a limit of the system refuses it.
class FailingThreads {
 public:
  explicit FailingThreads(int allowed);
  ~FailingThreads();
  FailingThreads(const FailingThreads&) = delete;
  FailingThreads& operator=(const FailingThreads&) = delete;
};

}  // namespace vit::testing
