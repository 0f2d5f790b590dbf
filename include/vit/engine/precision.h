// In how many bits an engine keeps a model.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vit::engine {

enum class Precision {
  kFp32,
  kBf16,  ///< the blocks' weights are rounded to bfloat16 and take half the
          ///< memory
  kInt8,  ///< they are whole numbers times a scale for each row, a quarter of
          ///< the memory
};

/// `fp32`, `bf16` or `int8`; none for `auto`. Throws UsageError.
std::optional<Precision> parse_precision(const std::string& text);
std::string_view precision_name(Precision precision);

/// What is used: what was asked for; else int8 for a file of int8 weights, and
/// fp32.
Precision resolve_precision(std::optional<Precision> wanted, bool int8_file);

}  // namespace vit::engine
