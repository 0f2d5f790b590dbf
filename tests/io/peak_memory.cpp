// Counts what `operator new` hands out, so that a test can bound it.
#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "builders.h"

namespace {

std::atomic<std::int64_t> in_use{0};
std::atomic<std::int64_t> peak{0};

}  // namespace

#ifndef __SANITIZE_ADDRESS__  // whose own operators find more than this counts

void* operator new(std::size_t size) {
  void* memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  const auto now = in_use += static_cast<std::int64_t>(malloc_usable_size(memory));
  auto highest = peak.load();
  while (now > highest && !peak.compare_exchange_weak(highest, now)) {
  }
  return memory;
}

void operator delete(void* memory) noexcept {
  in_use -= static_cast<std::int64_t>(malloc_usable_size(memory));
  std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }

#endif

namespace vit::io::testing {

PeakMemory::PeakMemory() : start_(in_use.load()) { peak = start_; }

std::int64_t PeakMemory::bytes() const { return peak.load() - start_; }

}  // namespace vit::io::testing
