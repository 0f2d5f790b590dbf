// Model files: one .safetensors with tensors and, as `vit.config`, the whole configuration.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "vit/config/model_config.h"
#include "vit/core/log.h"
#include "vit/io/tensor_table.h"
#include "vit/model/vision_transformer.h"
#include "vit/state_dict/source.h"

namespace vit::model {

struct LoadedModel {
  ModelConfig config;
  VisionTransformer model{nullptr};
};

/// How weights of one size become another model's, as timm adapts them when it loads.
struct Adaptation {
  std::optional<std::int64_t> num_classes;  ///< another count: a new head, drawn from `seed`
  std::optional<Size2d> img_size;           ///< pixels; the position embedding is resampled
  std::optional<Size2d> patch_size;         ///< pixels; patch and position embedding are resampled
  std::optional<std::int64_t> in_c;         ///< 1: summed; else repeated and scaled
  std::string pos_interp;                   ///< bicubic, bicubic-noaa or bilinear; empty: timm's
  std::uint64_t seed = 42;
};

/// What has to be said about a file that is no model file, and what is to become of it.
struct LoadOptions : state_dict::SourceOptions {
  c10::Device device = c10::kCPU;
  Adaptation adapt;
};

/// A model file, a timm folder, or any file that conversion takes with `architecture` or
/// `config_file`. Weights are read one after the other into their final place, and nothing keeps
/// the file open; nothing is drawn at random. The model is in eval mode. Throws DataError, IoError,
/// UsageError.
LoadedModel load_model(const std::filesystem::path& path, const LoadOptions& options = {},
                       Log* log = nullptr);

/// Writes a model file (atomic). `dtype`: type of the stored floating-point tensors.
void save_model(const std::filesystem::path& path, const VisionTransformerImpl& model,
                const ModelConfig& config, std::optional<io::DType> dtype = std::nullopt);

/// Weights of one model put into another of the same configuration; strict by name and shape.
/// Throws DataError listing what is missing, unexpected and misshapen.
void assign_weights(VisionTransformerImpl& model, const io::TensorTable& tensors);

/// The entry's values, read into memory of their own. Throws IoError where the file no longer has
/// them.
torch::Tensor to_tensor(const io::TensorEntry& entry);

/// LibTorch's and io's name of one type. Throw DataError where there is none.
torch::ScalarType to_scalar_type(io::DType dtype);
io::DType to_dtype(torch::ScalarType type);

}  // namespace vit::model
