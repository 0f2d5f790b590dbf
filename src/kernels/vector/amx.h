// AMX's tile registers, all eight as 16 rows of 64 bytes. For sources that are compiled with
// -mamx-tile -mamx-int8 -mamx-bf16. A thread configures them before their use and releases them
// after it, so that nobody else pays for saving them.
//
// Not <immintrin.h>'s functions: g++ 12's do not say that they read memory, so that stores before
// them may come too late.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/vector/inline.h"

namespace vit::kernels::amx {
namespace {

VIT_INLINE void configure_tiles() {
  struct alignas(64) {
    std::uint8_t palette, start_row, reserved[14];
    std::uint16_t row_bytes[16];
    std::uint8_t rows[16];
  } config = {};
  static_assert(sizeof config == 64);
  config.palette = 1;
  for (int i = 0; i < 8; ++i) {
    config.row_bytes[i] = 64;
    config.rows[i] = 16;
  }
  asm volatile("ldtilecfg %0" : : "m"(config));
}

VIT_INLINE void release_tiles() { asm volatile("tilerelease" : : : "memory"); }

template <int T>
VIT_INLINE void clear_tile() {
  asm volatile("tilezero %%tmm%c0" : : "i"(T));
}

/// 16 rows of 64 bytes, `stride` bytes from one to the next.
template <int T>
VIT_INLINE void load_tile(const void* from, std::size_t stride) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(stride), "i"(T) : "memory");
}

template <int T>
VIT_INLINE void stream_tile(const void* from, std::size_t stride) {
  asm volatile("tileloaddt1 (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(stride), "i"(T) : "memory");
}

template <int T>
VIT_INLINE void store_tile(void* to, std::size_t stride) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(to), "r"(stride), "i"(T) : "memory");
}

/// C += A · B in float32, of pairs of bfloat16.
template <int C, int A, int B>
VIT_INLINE void add_product_of_bf16() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(C), "i"(A), "i"(B));
}

/// C += A · B in int32, of groups of four unsigned and signed bytes.
template <int C, int A, int B>
VIT_INLINE void add_product_of_bytes() {
  asm volatile("tdpbusd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(C), "i"(A), "i"(B));
}

}  // namespace
}  // namespace vit::kernels::amx
