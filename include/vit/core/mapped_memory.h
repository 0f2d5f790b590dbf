// Large blocks of memory that the system has back as soon as they are freed: the heap keeps what
// lies below a small block that is still in use.
#pragma once

#include <cstddef>

namespace vit {

/// From this size on a block of its own mapping is worth it.
inline constexpr std::size_t kMappedBytes = std::size_t{2} << 20U;

/// Zeros that the system makes when they are first touched, from the beginning of a huge page on
/// and in huge pages where there are any. Null where there is not so much memory.
void* map_memory(std::size_t bytes);

/// What map_memory() gave for as many bytes.
void unmap_memory(void* memory, std::size_t bytes);

}  // namespace vit
