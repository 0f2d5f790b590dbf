#include "support/failing_threads.h"

#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <climits>

namespace {

std::atomic<int> threads_left = INT_MAX;

}  // namespace

// Stands before the C library's own in every program that this file is linked into: limits of the
// system (RLIMIT_NPROC) do not bind root, and cannot name which thread fails.
extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                              void* (*start)(void*), void* argument) {
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto next = reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  if (threads_left.load() != INT_MAX && threads_left.fetch_sub(1) <= 0) return EAGAIN;
  return next(thread, attributes, start, argument);
}

namespace vit::testing {

FailingThreads::FailingThreads(int allowed) { threads_left = allowed; }

FailingThreads::~FailingThreads() { threads_left = INT_MAX; }

}  // namespace vit::testing
