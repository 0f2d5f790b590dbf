#include "vit/core/mapped_memory.h"

#include <sys/mman.h>

#include <cstdint>

namespace vit {
namespace {

constexpr std::size_t kSmallPage = std::size_t{4} << 10U;
constexpr std::size_t kHugePage = std::size_t{2} << 20U;

std::size_t whole(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

}  // namespace

void* map_memory(std::size_t bytes) {
  if (bytes > SIZE_MAX - kHugePage - kSmallPage) return nullptr;
  const auto room = whole(bytes, kSmallPage);
  void* mapped =
      mmap(nullptr, room + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  auto* begin = static_cast<std::byte*>(mapped);
  const auto address = reinterpret_cast<std::uintptr_t>(mapped);
  const auto before = whole(address, kHugePage) - address;
  if (before > 0) munmap(begin, before);
  if (before < kHugePage) munmap(begin + before + room, kHugePage - before);
#if defined(MADV_HUGEPAGE)
  // Only a hint: without huge pages the result is the same. What is left beyond the last whole one
  // is in small pages.
  madvise(begin + before, room, MADV_HUGEPAGE);
#endif
  return begin + before;
}

void unmap_memory(void* memory, std::size_t bytes) { munmap(memory, whole(bytes, kSmallPage)); }

}  // namespace vit
