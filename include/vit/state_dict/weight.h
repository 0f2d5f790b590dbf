// Tensors that a model will get, made from a file's tensors when they are asked for.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vit/io/tensor_table.h"
#include "vit/state_dict/tensor.h"

namespace vit::state_dict {

/// What the names of an int8 weight's scale and of its layer's input's end with.
inline constexpr std::string_view kScale = "_scale", kInputScale = "_input_scale";

/// Nothing is read, allocated or computed before `tensor()`: shape and type come from running the
/// same steps on tensors without values.
struct Weight {
  using Make = std::function<Tensor(bool meta)>;

  std::string name;
  std::vector<std::string> sources;  ///< names in the file; empty for a new tensor
  std::vector<std::string> steps;    ///< what is done to the values: "transposed", …
  Make make;
  std::optional<io::TensorEntry> entry =
      std::nullopt;  ///< where it is a file's tensor as it stands
  /// Of a weight that a file holds as int8: the scale of each row [out]. Else empty.
  std::function<Tensor()> row_scale = {};
  /// And where it was calibrated: scale and offset [2] of what the layer reads. Else empty.
  std::function<Tensor()> input_scale = {};

  Tensor tensor() const { return make(false); }
  Tensor meta() const { return make(true); }
};

/// The weight of that name; null where there is none.
Weight* find(std::vector<Weight>& weights, std::string_view name);
const Weight* find(const std::vector<Weight>& weights, std::string_view name);

/// Whether a file holds one of them as int8.
bool holds_int8(const std::vector<Weight>& weights);

/// The entry as it is.
Weight weight_of(const io::TensorEntry& entry);

/// `weight` with `step` applied to its values; `step` must also work on meta tensors.
Weight transformed(Weight weight, std::string what, std::function<Tensor(const Tensor&)> step);

/// `weight[index]` of the first dimension; of a file's tensor, no more than that is read.
Weight row_of(Weight weight, std::int64_t index, std::string what);

/// One tensor of several.
Weight merged(std::string name, std::vector<Weight> parts, std::string what,
              std::function<Tensor(const std::vector<Tensor>&)> step);

/// A tensor that no file holds.
Weight created(std::string name, std::string what, Weight::Make make);

}  // namespace vit::state_dict
