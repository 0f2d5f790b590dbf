// Whole numbers from 0 to 255 for instructions that multiply bytes, unsigned by signed, and keep
// the sum of two products in 16 bits, beyond which they saturate (`vpmaddubsw`). Nothing saturates
// here: numbers with which a sum could leave 16 bits, whatever the weights, are set apart before.
//
// A tile's numbers u stay unsigned, u · w, or become s = u - 128 and are multiplied by unsigned
// weights, s · (w + 128): Σ u w = Σ s (w + 128) - 128 Σ s + 128 Σ w. A pair of unsigned numbers
// gives at most 127 (u + u'), which is safe up to u + u' = 258. A pair of signed ones gives at most
// 255 |s + s'| where both have one sign, else no more than one product: safe from -128 to 128. The
// second number of any other pair becomes 0, and goes to the row's extras: groups of four that are
// multiplied once more. Each tile is signed or not, whichever leaves fewer extras: numbers about
// their middle, as after a norm, have few if they are signed; numbers near 0, as after GELU, if
// they are not.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm/levels.h"
#include "kernels/gemm/narrow_rows.h"
#include "vit/kernels/gemm.h"

namespace vit::kernels {

/// Numbers of a row that are multiplied beside it: a group of four, of which some count.
struct ExtraGroup {
  std::int32_t offset;   ///< bytes from a block of a panel's lines to the group's weights
  std::int32_t numbers;  ///< its bytes
};

/// How much memory the rows take that are split together, for a product over k numbers in whole
/// lines.
struct SplitSize {
  int tiles, blocks;                                ///< blocks of kNarrowLines lines
  std::size_t numbers, extras, ends, start, signs;  ///< bytes
  std::size_t all;

  static VIT_INLINE SplitSize of(int k) {
    // As many rows as stay in the second cache level of most processors: 208 of 3072 numbers.
    constexpr std::size_t kNumbers = std::size_t{640} << 10U;
    const auto tile = static_cast<std::size_t>(k) * kNarrowRows;
    const auto most = kNumbers / (tile > 0 ? tile : 1);
    SplitSize size{};
    size.tiles = most < 1 ? 1 : most < kNarrowChunk ? static_cast<int>(most) : kNarrowChunk;
    const int lines = k / kLineBytes;
    size.blocks = (lines + kNarrowLines - 1) / kNarrowLines;
    const auto rows = static_cast<std::size_t>(size.tiles) * kNarrowRows;
    const auto whole_lines = [](std::size_t bytes) {
      return (bytes + kLineBytes - 1) / kLineBytes * kLineBytes;
    };
    size.numbers = rows * static_cast<std::size_t>(k);
    size.extras = size.numbers / kGroupBytes * sizeof(ExtraGroup);
    size.ends = whole_lines(rows * static_cast<std::size_t>(size.blocks) * sizeof(std::uint32_t));
    size.start = whole_lines(rows * sizeof(std::int32_t));
    size.signs = whole_lines(static_cast<std::size_t>(size.tiles));
    size.all = size.numbers + size.extras + size.ends + size.start + size.signs;
    return size;
  }
};

/// Some tiles of rows, split. `Bytes`: `PairSums`, a register of the sums of `kPairs` pairs in 16
/// bits each; `pair_sums(bytes)`, less 256, as of signed numbers; `no_pair_sums`, `add_pair_sums`,
/// `store_pair_sums`; `copy<is_signed>(from, to)` of as many bytes, or of these less 128;
/// `bits_above(sums, most)` and `bits_outside(sums, least, most)`: `kBits` bits a sum, set where it
/// is.
template <class Bytes>
class SplitRows {
 public:
  /// `memory`: SplitSize::of(k).all bytes, aligned as floats are.
  VIT_INLINE SplitRows(const PackedRows& rows, std::byte* memory)
      : rows_(rows), size_(SplitSize::of(rows.k)), lines_(rows.k / kLineBytes) {
    const auto take = [&](std::size_t bytes) {
      auto* const part = memory;
      memory += bytes;
      return part;
    };
    numbers_ = reinterpret_cast<std::uint8_t*>(take(size_.numbers));
    extras_ = reinterpret_cast<ExtraGroup*>(take(size_.extras));
    ends_ = reinterpret_cast<std::uint32_t*>(take(size_.ends));
    start_ = reinterpret_cast<std::int32_t*>(take(size_.start));
    signed_ = reinterpret_cast<bool*>(take(size_.signs));
  }

  VIT_INLINE int most_tiles() const { return size_.tiles; }

  /// Splits tiles from `first` on, at most most_tiles().
  VIT_INLINE void split(int first, int tiles) {
    any_signed_ = false;
    std::uint32_t extras = 0;
    for (int t = 0; t < tiles; ++t) {
      const int left = rows_.rows - (first + t) * kNarrowRows;
      const int there = left < kNarrowRows ? left : kNarrowRows;
      const auto* from =
          reinterpret_cast<const std::uint8_t*>(narrow_row(rows_, (first + t) * kNarrowRows));
      signed_[t] = is_better_signed(from, there);
      any_signed_ = any_signed_ || signed_[t];
      for (int r = 0; r < kNarrowRows; ++r) {
        const int row = t * kNarrowRows + r;
        if (r < there) {
          extras = signed_[t] ? split_row<true>(from + r * kLineBytes, row, extras)
                              : split_row<false>(from + r * kLineBytes, row, extras);
        } else {
          start_[row] = 0;
          for (int block = 0; block < size_.blocks; ++block)
            ends_[row * size_.blocks + block] = extras;
        }
      }
    }
  }

  /// The tile's lines from `line` on, as a product's rows stand in memory.
  VIT_INLINE const std::byte* tile(int t, int line) const {
    return reinterpret_cast<const std::byte*>(numbers_) + tile_offset(t, line);
  }
  VIT_INLINE bool is_signed(int t) const { return signed_[t]; }
  VIT_INLINE bool any_signed() const { return any_signed_; }
  /// What a row's sums begin with, beside 128 Σ w where it is signed.
  VIT_INLINE std::int32_t start(int row) const { return start_[row]; }

  /// The row's groups in the block of lines from `line` on.
  struct Extras {
    const ExtraGroup *begin, *end;
  };
  VIT_INLINE Extras extras(int row, int line) const {
    const int at = row * size_.blocks + line / kNarrowLines;
    return {extras_ + (at == 0 ? 0 : ends_[at - 1]), extras_ + ends_[at]};
  }

 private:
  static constexpr int kPairs = Bytes::kPairs, kVectors = kLineBytes / 2 / kPairs;

  VIT_INLINE std::size_t tile_offset(int t, int line) const {
    return (static_cast<std::size_t>(t) * static_cast<std::size_t>(lines_) +
            static_cast<std::size_t>(line)) *
           (kNarrowRows * kLineBytes);
  }

  /// The bits of pairs that are not safe.
  template <bool kSigned>
  static VIT_INLINE std::uint32_t unsafe(typename Bytes::PairSums sums) {
    return kSigned ? Bytes::bits_outside(sums, -128, 128) : Bytes::bits_above(sums, 2);
  }

  VIT_INLINE bool is_better_signed(const std::uint8_t* from, int there) const {
    constexpr int kBytes = 2 * kPairs;
    int more = 0;  // bits of unsafe pairs without a sign
    for (int line = 0; line < lines_; ++line, from += kNarrowRows * kLineBytes) {
      // Of the last line those that are columns; each has whole vectors, or a part of one.
      const int columns = rows_.columns - line * kLineBytes;
      for (int at = 0; at < kLineBytes && at < columns; at += kBytes) {
        const int pairs = columns - at < kBytes ? (columns - at) / 2 : kPairs;
        const std::uint32_t count = pairs < kPairs ? (1U << (pairs * Bytes::kBits)) - 1U : ~0U;
        for (int r = 0; r < there; ++r) {
          const auto sums = Bytes::pair_sums(from + r * kLineBytes + at);
          more += __builtin_popcount(unsafe<false>(sums) & count) -
                  __builtin_popcount(unsafe<true>(sums) & count);
        }
      }
    }
    return more > 0;
  }

  /// Returns the number of extras behind the row.
  template <bool kSigned>
  VIT_INLINE std::uint32_t split_row(const std::uint8_t* from, int row, std::uint32_t extras) {
    constexpr int kTileLine = kNarrowRows * kLineBytes;
    auto* to = numbers_ + tile_offset(row / kNarrowRows, 0) + row % kNarrowRows * kLineBytes;
    std::int32_t sum = 0;
    auto* end = ends_ + row * size_.blocks;
    for (int first = 0; first < lines_; first += kNarrowLines) {
      const int count = lines_ - first < kNarrowLines ? lines_ - first : kNarrowLines;
      auto of_block = Bytes::no_pair_sums();  // at most 256 for each vector
      for (int line = 0; line < count; ++line, from += kTileLine, to += kTileLine) {
        const auto* numbers = from;
        std::uint8_t last[kLineBytes];
        // Beyond the columns the weights are zero, and any number will do: 128 makes no extras.
        if (const int there = rows_.columns - (first + line) * kLineBytes; there < kLineBytes) {
          __builtin_memset(last, 128, sizeof last);
          for (int i = 0; i < there; ++i) last[i] = from[i];
          numbers = last;
        }
        VIT_UNROLL
        for (int i = 0; i < kVectors; ++i) {
          const auto sums = Bytes::pair_sums(numbers + 2 * kPairs * i);
          of_block = Bytes::add_pair_sums(of_block, sums);
          Bytes::template copy<kSigned>(numbers + 2 * kPairs * i, to + 2 * kPairs * i);
          if (const auto pairs = unsafe<kSigned>(sums); pairs != 0)
            extras = take_unsafe(pairs, i * kPairs, to, line, extras);
        }
      }
      std::int16_t pair_sums[kPairs];
      Bytes::store_pair_sums(pair_sums, of_block);
      for (const int x : pair_sums) sum += x;
      *end++ = extras;
    }
    // Modulo 2^32, as all sums are: a product's own has room in 31 bits.
    start_[row] = kSigned ? static_cast<std::int32_t>(-128U * static_cast<std::uint32_t>(sum)) : 0;
    return extras;
  }

  /// Moves the second number of each unsafe pair to the extras. `pairs`: their bits, of a line's
  /// pairs from `first` on.
  VIT_INLINE std::uint32_t take_unsafe(std::uint32_t pairs, int first, std::uint8_t* to, int line,
                                       std::uint32_t extras) {
    constexpr std::uint32_t kPair = (1U << Bytes::kBits) - 1U;
    for (int last = -1; pairs != 0;) {
      const int pair = __builtin_ctz(pairs) / Bytes::kBits;
      pairs &= ~(kPair << (Bytes::kBits * pair));
      const int second = 2 * (first + pair) + 1, group = second / kGroupBytes;
      if (group != last)
        extras_[extras++] = {line * kNarrowColumns * kLineBytes + group * kLineBytes, 0};
      last = group;
      auto* const numbers = reinterpret_cast<std::uint8_t*>(&extras_[extras - 1].numbers);
      numbers[second % kGroupBytes] = to[second];
      to[second] = 0;
    }
    return extras;
  }

  const PackedRows& rows_;
  SplitSize size_;
  int lines_;
  std::uint8_t* numbers_ = nullptr;  ///< [tile][line][kNarrowRows][kLineBytes]
  ExtraGroup* extras_ = nullptr;     ///< row by row, block by block
  std::uint32_t* ends_ = nullptr;    ///< [row][block]
  std::int32_t* start_ = nullptr;    ///< [row]
  bool* signed_ = nullptr;           ///< [tile]
  bool any_signed_ = false;
};

}  // namespace vit::kernels
