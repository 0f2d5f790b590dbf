// Where the engine gets a model's parameters from.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace vit::engine {

/// One parameter, row-major.
struct WeightView {
  std::vector<std::int64_t> shape;
  std::span<const float> data;
  std::shared_ptr<const void> owner;  ///< keeps `data` alive; null where the caller does
  /// Of a file's int8 tensor, one for each row: `data` are whole numbers times it. Else empty.
  std::span<const float> scale = {};
};

/// A parameter by the seed's name (`block.3.attn.qkv.weight`), or none where there is none of that
/// name. The engine copies what it needs and gives the view back. Of a calibrated int8 weight there
/// is NAME_input_scale [2] too: what the layer reads becomes whole numbers from 0 to 255, which
/// stand for `[1] + [0] · number`.
using WeightLookup = std::function<std::optional<WeightView>(const std::string& name)>;

}  // namespace vit::engine
