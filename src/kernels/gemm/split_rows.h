// Whole numbers from 0 to 255 for instructions that multiply bytes, unsigned by signed, and keep
// the sum of two products in 16 bits, beyond which they saturate (`vpmaddubsw`). Nothing saturates
// here: what could leave 16 bits with any weights is found while rows are split.
//
// A tile's numbers u stay unsigned, u · w, or become s = u - 128 and are multiplied by unsigned
// weights, s · (w + 128), which Σ u w = Σ s (w + 128) - 128 Σ s + 128 Σ w makes up for. Unsigned, a
// sum of two products is at most 127 times the sum of two numbers; signed, 255 times it where both
// have one sign, and no more than a single product's else. So a pair of numbers is safe while its
// sum is at most 258, or from -128 to 128. Of another pair the second number becomes 0 and goes to
// the row's extras, groups that are multiplied once more. Each tile takes the way that has the
// fewer such pairs: numbers about their middle, as after a norm, few if signed; numbers near 0, as
// after GELU, few if unsigned.
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

/// How much memory the rows take that are split together, for a product over k numbers.
struct SplitSize {
  int tiles, blocks;                                ///< blocks of kNarrowLines lines
  std::size_t numbers, extras, ends, start, signs;  ///< bytes
  std::size_t all;

  static SplitSize of(int k) {
    constexpr std::size_t kNumbers = std::size_t{1} << 20U;  // stays in the second cache level
    const auto tile = static_cast<std::size_t>(k) * kNarrowRows;
    const auto most = kNumbers / tile;
    SplitSize size{};
    size.tiles = most < 1 ? 1 : most < kNarrowChunk ? static_cast<int>(most) : kNarrowChunk;
    const int lines = k / kLineBytes;
    size.blocks = (lines + kNarrowLines - 1) / kNarrowLines;
    const auto rows = static_cast<std::size_t>(size.tiles) * kNarrowRows;
    const auto in_lines = [](std::size_t bytes) {
      return (bytes + kLineBytes - 1) / kLineBytes * kLineBytes;
    };
    size.numbers = rows * static_cast<std::size_t>(k);
    size.extras = size.numbers / 4 * sizeof(ExtraGroup);
    size.ends = in_lines(rows * static_cast<std::size_t>(size.blocks) * sizeof(std::uint32_t));
    size.start = in_lines(rows * sizeof(std::int32_t));
    size.signs = in_lines(static_cast<std::size_t>(size.tiles));
    size.all = size.numbers + size.extras + size.ends + size.start + size.signs;
    return size;
  }
};

/// Some tiles of rows, split. `V` tells the levels' code apart.
template <class V>
class SplitRows {
 public:
  /// `memory`: SplitSize::of(k).all bytes, at a line.
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
    return reinterpret_cast<const std::byte*>(numbers_) +
           (static_cast<std::size_t>(t) * static_cast<std::size_t>(lines_) +
            static_cast<std::size_t>(line)) *
               (kNarrowRows * kLineBytes);
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
  static constexpr int kPairs = kLineBytes / 2;

  static VIT_INLINE unsigned pair(const std::uint8_t* p) { return unsigned{p[0]} + p[1]; }
  template <bool kSigned>
  static VIT_INLINE bool is_unsafe(unsigned pair) {
    return kSigned ? pair - 128U > 256U : pair > 258U;
  }

  VIT_INLINE bool is_better_signed(const std::uint8_t* from, int there) const {
    std::uint16_t is_signed[kPairs] = {}, is_unsigned[kPairs] = {};  // unsafe pairs, if it is
    for (int line = 0; line < lines_; ++line)
      for (int r = 0; r < there; ++r) {
        const auto* p = from + (line * kNarrowRows + r) * kLineBytes;
        for (int i = 0; i < kPairs; ++i) {
          const auto sum = static_cast<std::uint16_t>(pair(p + 2 * i));
          is_signed[i] += static_cast<std::uint16_t>(sum - 128) > 256;
          is_unsigned[i] += sum > 258;
        }
      }
    int more = 0;
    for (int i = 0; i < kPairs; ++i) more += int{is_unsigned[i]} - int{is_signed[i]};
    return more > 0;
  }

  /// Returns the number of extras behind the row.
  template <bool kSigned>
  VIT_INLINE std::uint32_t split_row(const std::uint8_t* from, int row, std::uint32_t extras) {
    constexpr int kTileLine = kNarrowRows * kLineBytes;
    auto* to = numbers_ + (static_cast<std::size_t>(row / kNarrowRows) *
                               static_cast<std::size_t>(lines_) * kNarrowRows +
                           static_cast<std::size_t>(row % kNarrowRows)) *
                              kLineBytes;
    std::int32_t sum = 0;
    auto* end = ends_ + row * size_.blocks;
    for (int line = 0; line < lines_; ++line, from += kTileLine, to += kTileLine) {
      // Beyond the columns there are numbers too, whose weights are zero.
      const int left = rows_.columns - line * kLineBytes;
      const int there = left < kLineBytes ? left : kLineBytes;
      alignas(32) std::uint8_t unsafe[kPairs];
      for (int i = 0; i < kPairs; ++i) unsafe[i] = is_unsafe<kSigned>(pair(from + 2 * i));
      for (int i = 0; i < kLineBytes; ++i) to[i] = kSigned ? from[i] ^ 0x80U : from[i];
      int of_line = 0;
      for (int i = 0; i < there; ++i) of_line += from[i];
      sum += of_line - 128 * there;
      if (there < kLineBytes)
        for (int i = there; i < kLineBytes; ++i) to[i] = unsafe[i / 2] = 0;
      extras = take_unsafe(unsafe, to, line % kNarrowLines, extras);
      if ((line + 1) % kNarrowLines == 0 || line + 1 == lines_) *end++ = extras;
    }
    start_[row] = kSigned ? -128 * sum : 0;
    return extras;
  }

  /// Moves the second number of each unsafe pair of a line to the extras.
  VIT_INLINE std::uint32_t take_unsafe(const std::uint8_t* unsafe, std::uint8_t* to, int line,
                                       std::uint32_t extras) {
    constexpr int kGroup = 4, kTogether = 8;  // bytes; pairs
    for (int i = 0; i < kPairs; i += kTogether) {
      std::uint64_t some;
      __builtin_memcpy(&some, unsafe + i, sizeof some);
      for (int last = -1; some != 0; some &= some - 1) {
        const int second = 2 * (i + __builtin_ctzll(some) / 8) + 1, group = second / kGroup;
        if (group != last)
          extras_[extras++] = {(line * kNarrowColumns * kLineBytes) + group * kLineBytes, 0};
        last = group;
        auto* const numbers = reinterpret_cast<std::uint8_t*>(&extras_[extras - 1].numbers);
        numbers[second % kGroup] = to[second];
        to[second] = 0;
      }
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
