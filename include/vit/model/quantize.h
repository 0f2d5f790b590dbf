// Weights of 8 bits: a quarter of the file, and what an int8 engine multiplies.
//
// The weight [out, in] of each linear layer in the blocks is stored as int8 under its own name, and
// beside it, under NAME_scale, one float32 a row: weight[o, i] = int8[o, i] * scale[o], symmetric,
// -127 … 127. Everything else stays as it is. A file of this form loads like any other.
//
// Of a calibrated file NAME_input_scale holds two float32, a scale and an offset: where products
// are of whole numbers, the layer's input x becomes round((x - offset) / scale), from 0 to 255, for
// all images alike. Without it each row of x has a scale of its own.
#pragma once

#include <torch/types.h>

#include <map>
#include <string>

namespace vit::model {

/// What a linear layer saw.
struct LayerCalibration {
  /// Mean square of each input, [in]. A row's scale is the one that least changes the layer's
  /// output for such inputs; without it the largest weight becomes 127.
  torch::Tensor moments;
  torch::Tensor input_scale;  ///< float32 [2]: scale and offset
};
/// By the name of the layer's weight.
using Calibration = std::map<std::string, LayerCalibration>;

struct QuantizedWeight {
  torch::Tensor values;  ///< int8 [out, in]
  torch::Tensor scale;   ///< float32 [out]
};

/// weight: [out, in]; `moments` [in], or undefined. Throws DataError where a value is not finite or
/// the shapes are others.
QuantizedWeight quantize(const torch::Tensor& weight, const torch::Tensor& moments = {});

/// The weight [out, in] that stands for `values` and `scale`, float32. Throws DataError where
/// their shapes do not fit.
torch::Tensor dequantize(const torch::Tensor& values, const torch::Tensor& scale);

}  // namespace vit::model
