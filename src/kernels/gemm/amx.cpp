// Products by AMX: a tile register holds 16 rows of 64 bytes; one instruction multiplies 16 rows by
// 16 columns over 64 bytes of k. Four registers hold the sums of two tiles of rows and both halves
// of a panel, two the rows and two the panel.
#include "kernels/vector/amx.h"

#include "kernels/gemm/narrow.h"
#include "kernels/vector/bf16.h"

namespace vit::kernels::amx {
namespace {

using bf16::Vector;

constexpr int kHalf = kNarrowColumns / 2 * 4;  // to the second half of the columns
constexpr int kTileBytes = kNarrowRows * kLineBytes;

template <RowFormat F>
struct Kernel {
  static constexpr RowFormat kFormat = F;
  static constexpr bool kSplits = false;
  static constexpr int kParts = narrow_parts(F);
  // Processors with AMX have 48 KiB of first level: 36 of them for the panel.
  static constexpr int kLines = 18 / kParts;

  static void begin() { configure_tiles(); }
  static void end() { release_tiles(); }

  static VIT_INLINE void multiply(const NarrowBlock& block) {
    if (block.tiles == 2)
      multiply_tiles<2>(block);
    else
      multiply_tiles<1>(block);
  }

 private:
  template <int C, int A, int B>
  static VIT_INLINE void add_product() {
    if constexpr (F == RowFormat::kUint8)
      add_product_of_bytes<C, A, B>();
    else
      add_product_of_bf16<C, A, B>();
  }

  /// A function of its own, so that the loop has the registers for itself.
  template <int Tiles>
  static __attribute__((noinline)) void multiply_tiles(const NarrowBlock& block) {
    auto* sums = static_cast<std::byte*>(block.sums);
    const std::size_t stride = block.stride;
    auto* second = sums + kNarrowRows * stride;
    if (block.first) {
      clear_tile<0>();
      clear_tile<1>();
      if constexpr (Tiles == 2) {
        clear_tile<2>();
        clear_tile<3>();
      }
    } else {
      load_tile<0>(sums, stride);
      load_tile<1>(sums + kHalf, stride);
      if constexpr (Tiles == 2) {
        load_tile<2>(second, stride);
        load_tile<3>(second + kHalf, stride);
      }
    }
    const std::byte *a = block.a, *b = block.b, *next = block.next;
    const std::size_t next_tile = block.next_tile;
    const int fetch = block.fetch;
    for (int line = block.lines; line > 0; --line) {
      for (int i = 0; i < fetch; ++i, next += kLineBytes) Vector::prefetch_far(next);
      if constexpr (kParts == 1)
        multiply_line<Tiles>(a, a + next_tile, b);
      else if constexpr (kParts == 2)
        multiply_pair<Tiles>(a, a + next_tile, b);
      else
        multiply_triple<Tiles>(a, a + next_tile, b);
      a += kTileBytes * kParts;
      b += 2 * kTileBytes * kParts;
    }
    store_tile<0>(sums, stride);
    store_tile<1>(sums + kHalf, stride);
    if constexpr (Tiles == 2) {
      store_tile<2>(second, stride);
      store_tile<3>(second + kHalf, stride);
    }
  }

  template <int Tiles>
  static VIT_INLINE void load_rows(const std::byte* a0, const std::byte* a1, int part) {
    stream_tile<4>(a0 + part * kTileBytes, kLineBytes);
    if constexpr (Tiles == 2) stream_tile<5>(a1 + part * kTileBytes, kLineBytes);
  }

  static VIT_INLINE void load_panel(const std::byte* b, int part) {
    load_tile<6>(b + 2 * part * kTileBytes, kLineBytes);
    load_tile<7>(b + (2 * part + 1) * kTileBytes, kLineBytes);
  }

  /// Of the parts that are loaded.
  template <int Tiles>
  static VIT_INLINE void add_products() {
    add_product<0, 4, 6>();
    add_product<1, 4, 7>();
    if constexpr (Tiles == 2) {
      add_product<2, 5, 6>();
      add_product<3, 5, 7>();
    }
  }

  /// All loads first: where two hardware threads share the core's multiplier, a load among the
  /// products holds up those behind it.
  template <int Tiles>
  static VIT_INLINE void multiply_line(const std::byte* a0, const std::byte* a1,
                                       const std::byte* b) {
    load_rows<Tiles>(a0, a1, 0);
    load_panel(b, 0);
    add_products<Tiles>();
  }

  /// a · b of pairs without the product of both second parts, the least first.
  template <int Tiles>
  static VIT_INLINE void multiply_pair(const std::byte* a0, const std::byte* a1,
                                       const std::byte* b) {
    load_rows<Tiles>(a0, a1, 0);
    load_panel(b, 1);
    add_products<Tiles>();
    load_panel(b, 0);
    add_products<Tiles>();
    load_rows<Tiles>(a0, a1, 1);
    add_products<Tiles>();
  }

  /// a · b of triples without the three products that are below float32's last bit, the greatest
  /// last; otherwise in the order in which one factor stays where it is.
  template <int Tiles>
  static VIT_INLINE void multiply_triple(const std::byte* a0, const std::byte* a1,
                                         const std::byte* b) {
    load_rows<Tiles>(a0, a1, 0);
    load_panel(b, 2);
    add_products<Tiles>();
    load_panel(b, 1);
    add_products<Tiles>();
    load_rows<Tiles>(a0, a1, 1);
    add_products<Tiles>();
    load_panel(b, 0);
    add_products<Tiles>();
    load_rows<Tiles>(a0, a1, 2);
    add_products<Tiles>();
    load_rows<Tiles>(a0, a1, 0);
    add_products<Tiles>();
  }
};

}  // namespace

void gemm_uint8(const GemmCall& call) { run_narrow_gemm<Vector, Kernel<RowFormat::kUint8>>(call); }
void gemm_bf16(const GemmCall& call) { run_narrow_gemm<Vector, Kernel<RowFormat::kBf16>>(call); }
void gemm_bf16_pair(const GemmCall& call) {
  run_narrow_gemm<Vector, Kernel<RowFormat::kBf16Pair>>(call);
}
void gemm_bf16_triple(const GemmCall& call) {
  run_narrow_gemm<Vector, Kernel<RowFormat::kBf16Triple>>(call);
}

}  // namespace vit::kernels::amx
