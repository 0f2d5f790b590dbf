#include "engine/memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

#include "vit/core/error.h"
#include "vit/core/text.h"

namespace vit::engine {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20U;
constexpr std::size_t kCacheLine = 64;

}  // namespace

FloatBuffer::FloatBuffer(std::int64_t count) : size_(count) {
  const auto bytes = static_cast<std::size_t>(count) * sizeof(float);
  const auto alignment = bytes > kHugePage ? kHugePage : kCacheLine;
  const auto room = (bytes + alignment) / alignment * alignment;
  data_.reset(static_cast<float*>(std::aligned_alloc(alignment, room)));
  if (!data_)
    throw IoError("not enough memory: {} asked for", bytes_text(static_cast<double>(bytes)));
#if defined(MADV_HUGEPAGE)
  // Only a hint: without huge pages the result is the same.
  if (alignment == kHugePage) madvise(data_.get(), room, MADV_HUGEPAGE);
#endif
  std::memset(data_.get(), 0, room);
}

void FloatBuffer::Free::operator()(float* data) const { std::free(data); }

}  // namespace vit::engine
