#include "engine/memory.h"

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "vit/core/error.h"
#include "vit/core/text.h"

namespace vit::engine {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20U;
constexpr std::size_t kCacheLine = 64;

std::size_t rounded_up(std::size_t bytes, std::size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

/// Zeros that the system makes when they are first touched: whoever fills the memory does not wait
/// for it to be zeroed twice. Null where there is none.
void* map_huge_pages(std::size_t room) {
  void* mapped =
      mmap(nullptr, room + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  auto* begin = static_cast<std::byte*>(mapped);
  const auto address = reinterpret_cast<std::uintptr_t>(mapped);
  const auto before = rounded_up(address, kHugePage) - address;
  if (before > 0) munmap(begin, before);
  munmap(begin + before + room, kHugePage - before);
#if defined(MADV_HUGEPAGE)
  // Only a hint: without huge pages the result is the same.
  madvise(begin + before, room, MADV_HUGEPAGE);
#endif
  return begin + before;
}

}  // namespace

FloatBuffer::FloatBuffer(std::int64_t count) : size_(count) {
  const auto bytes = static_cast<std::size_t>(count) * sizeof(float);
  const bool huge = bytes > kHugePage;
  const auto room = rounded_up(bytes + 1, huge ? kHugePage : kCacheLine);
  void* memory = huge ? map_huge_pages(room) : std::aligned_alloc(kCacheLine, room);
  if (memory == nullptr)
    throw IoError("not enough memory: {} asked for", bytes_text(static_cast<double>(bytes)));
  if (!huge) std::memset(memory, 0, room);
  data_ = std::unique_ptr<float[], Free>(static_cast<float*>(memory), Free(huge ? room : 0));
}

void FloatBuffer::Free::operator()(float* data) const {
  if (mapped > 0)
    munmap(data, mapped);
  else
    std::free(data);
}

}  // namespace vit::engine
