#include "engine/memory.h"

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "vit/core/error.h"
#include "vit/core/mapped_memory.h"
#include "vit/core/text.h"

namespace vit::engine {

FloatBuffer::FloatBuffer(std::int64_t count) : size_(count) {
  constexpr std::size_t kCacheLine = 64;
  const auto bytes = static_cast<std::size_t>(count) * sizeof(float);
  const bool mapped = bytes > kMappedBytes;
  const auto room = (bytes + kCacheLine) / kCacheLine * kCacheLine;  // a byte at least
  void* memory = mapped ? map_memory(room) : std::aligned_alloc(kCacheLine, room);
  if (memory == nullptr)
    throw IoError("not enough memory: {} asked for", bytes_text(static_cast<double>(bytes)));
  if (!mapped) std::memset(memory, 0, room);
  data_ = std::unique_ptr<float[], Free>(static_cast<float*>(memory), Free(mapped ? room : 0));
}

void FloatBuffer::Free::operator()(float* data) const {
  if (mapped > 0)
    unmap_memory(data, mapped);
  else
    std::free(data);
}

}  // namespace vit::engine
