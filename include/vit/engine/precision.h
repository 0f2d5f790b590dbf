// In how many bits an engine keeps a model.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "vit/core/isa.h"

namespace vit::engine {

enum class Precision {
  /// With AMX, in models of 384 values a token and more, each factor in the linear layers of blocks
  /// and patches, and for the map pool's keys and values, is three bfloat16, which are the float32
  /// without loss (from 2^-110 to bfloat16's largest; beyond it is not a number), and a product six
  /// of theirs: what is left out is below float32's last bit.
  kFp32,
  /// Of the blocks' linear layers each factor is two bfloat16, and a product three of theirs: an
  /// error of 2e-5 for all but one image of 1,000; layers with outliers remain in fp32, and so
  /// does the map pool. For AMX alone.
  kFp32x3,
  /// The blocks' weights are rounded to bfloat16 and take half the memory; with AVX512_BF16 or AMX
  /// so are the rows that they multiply, and so are patches and the map pool, here and in int8.
  kBf16,
  /// The blocks' weights are whole numbers times a scale for each row and take a quarter of the
  /// memory; each row that they multiply becomes whole numbers too, by a scale of its own or, of a
  /// calibrated file, by the layer's.
  kInt8,
};

/// `fp32`, `fp32x3`, `bf16` or `int8`; none for `auto`. Throws UsageError.
std::optional<Precision> parse_precision(const std::string& text);
std::string_view precision_name(Precision precision);

/// What is used: what was asked for, but fp32, which is more exact, for fp32x3 on a level that
/// lacks it; else int8 for a file of int8 weights, and fp32.
Precision resolve_precision(std::optional<Precision> wanted, bool int8_file, Isa isa);

/// The best level, up to `isa`, of which the precision makes use; in `low_memory` weights are as
/// long as in the file.
Isa level_of(Precision precision, Isa isa, bool low_memory = false);

}  // namespace vit::engine
