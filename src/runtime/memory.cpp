#include "vit/runtime/memory.h"

#if __has_include(<malloc.h>)
#include <malloc.h>
#endif

// AddressSanitizer finds what is written beyond a block of malloc, not within one.
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)
#define VIT_ALIGNS_TENSORS

#include <c10/core/CPUAllocator.h>
#include <c10/core/alignment.h>
#include <c10/util/Exception.h>

#include <cstdint>
#include <cstdlib>
#endif

namespace vit::runtime {

#ifdef VIT_ALIGNS_TENSORS
namespace {

/// Memory of malloc, aligned here. LibTorch takes its own from posix_memalign, which asks the heap
/// for more than a tensor's bytes and gives back what is left over on both sides. Small blocks
/// move in there, and where a tensor lay none of its size fits again: training took a quarter more,
/// and how much more depended on addresses modulo 64, that is on the lengths of paths.
class AlignedByHand final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) override {
    const c10::Device cpu(c10::kCPU);
    if (bytes == 0) return {nullptr, nullptr, &release, cpu};
    auto* block = bytes > PTRDIFF_MAX - c10::gAlignment
                      ? nullptr
                      : static_cast<char*>(std::malloc(bytes + c10::gAlignment));
    // LibTorch's words, which `explain_failure` reads.
    TORCH_CHECK(block != nullptr, "can't allocate memory: you tried to allocate ", bytes, " bytes");
    // malloc aligns to 16, so that there are 16 bytes or more in front, for where the block begins.
    auto* data =
        block + c10::gAlignment - reinterpret_cast<std::uintptr_t>(block) % c10::gAlignment;
    reinterpret_cast<void**>(data)[-1] = block;
    return {data, data, &release, cpu};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &release; }

  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

 private:
  static void release(void* data) {
    if (data != nullptr) std::free(static_cast<void**>(data)[-1]);
  }
};

}  // namespace
#endif

void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_MAX, 0);         // no block has a mapping of its own
  mallopt(M_TRIM_THRESHOLD, -1);  // never
  mallopt(M_TOP_PAD, 64 << 20);   // the heap grows in steps of 64 MiB
  // One heap for all threads: each epoch's loader has new ones, and which of several heaps they
  // get, each of which keeps the batches once made in it, is a race.
  mallopt(M_ARENA_MAX, 1);
#endif
#ifdef VIT_ALIGNS_TENSORS
  static auto* const allocator = new AlignedByHand;  // outlives every tensor
  c10::SetCPUAllocator(allocator, /*priority=*/1);
#endif
}

}  // namespace vit::runtime
