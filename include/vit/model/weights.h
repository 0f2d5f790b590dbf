// Model files: one .safetensors with tensors and, as `vit.config`, the whole configuration.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "vit/core/log.h"
#include "vit/io/tensor_table.h"
#include "vit/model/config.h"
#include "vit/model/vision_transformer.h"

namespace vit::model {

struct LoadedModel {
  ModelConfig config;
  VisionTransformer model{nullptr};
};

/// A file that anything else than a model file needs more said about.
struct LoadOptions {
  std::string architecture;          ///< `--arch`, where the file does not say
  std::filesystem::path config_file; ///< `--config`
  c10::Device device = c10::kCPU;
};

/// A model file, a timm folder, or any file that conversion takes with `architecture` or
/// `config_file`. Weights are views of the mapped file where they can be; nothing is drawn at
/// random. The model is in eval mode. Throws DataError, IoError, UsageError.
LoadedModel load_model(const std::filesystem::path& path, const LoadOptions& options = {},
                       Log* log = nullptr);

/// Writes a model file (atomic). `dtype`: type of the stored floating-point tensors.
void save_model(const std::filesystem::path& path, const VisionTransformerImpl& model,
                const ModelConfig& config, std::optional<io::DType> dtype = std::nullopt);

/// Weights of one model put into another of the same configuration; strict by name and shape.
/// Throws DataError listing what is missing, unexpected and misshapen.
void assign_weights(VisionTransformerImpl& model, const io::TensorTable& tensors);

/// A tensor over the entry's own bytes (a copy only where they are not aligned). Writable: the
/// mapping is private.
torch::Tensor to_tensor(const io::TensorEntry& entry);

/// LibTorch's and io's name of one type. Throw DataError where there is none.
torch::ScalarType to_scalar_type(io::DType dtype);
io::DType to_dtype(torch::ScalarType type);

}  // namespace vit::model
