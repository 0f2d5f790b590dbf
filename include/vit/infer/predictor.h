// Answers of a model: images or plain values in, logits, features or attention out.
//
//     vit::Predictor predictor("model.safetensors");
//     const auto logits = predictor.predict(images);  // [B, num_classes]
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vit/config/model_config.h"
#include "vit/core/array.h"
#include "vit/core/image_view.h"
#include "vit/core/json.h"
#include "vit/core/log.h"
#include "vit/data/eval_transform.h"
#include "vit/data/image.h"
#include "vit/engine/engine.h"

namespace vit::infer {

using engine::AttentionMethod;
using engine::FeatureKind;
using engine::parse_attention_method;
using engine::parse_feature_kind;

struct PredictorOptions {
  std::string device = "cpu";     ///< cpu, cuda, cuda:N, or auto: CUDA where it works
  std::optional<int> cuda_index;  ///< the device that `cuda`, or `auto` where it finds one, means
  /// auto: int8 for a file of int8 weights, else fp32; fp32, fp32x3 (fp32 where the processor has
  /// no AMX), bf16, int8. The modules: auto (fp32), fp32, bf16, fp16.
  std::string precision = "auto";
  std::string engine = "auto";        ///< packed, modules, or auto: packed on a CPU
  bool low_memory = false;            ///< EngineOptions::low_memory, of the packed engine
  int threads = 0;                    ///< of the forward pass; 0: the cores that there are
  std::string architecture;           ///< where the file does not say
  std::filesystem::path config_file;  ///< where the file does not say
};

/// A model on a device, ready for calls from several threads at once: every function is const.
/// Copies share the weights. What comes back is float32 in plain memory (`vit/torch.h` makes
/// tensors of it).
class Predictor {
 public:
  /// Opens what model::load_model opens. Throws DataError, IoError, UsageError (an engine, a
  /// precision or a device that is not there).
  explicit Predictor(const std::filesystem::path& path, const PredictorOptions& options = {},
                     Log* log = nullptr);
  /// Over an engine that is there, made of a model of this configuration.
  Predictor(std::unique_ptr<engine::Engine> engine, ModelConfig config);

  /// Everything that is wanted from one pass. x: [B, in_c, H, W], preprocessed. Throws DataError on
  /// another shape, UsageError where the model has no such feature.
  engine::Output run(const Array& x, const engine::Want& want) const;
  /// What predict() does, step by step; none where the engine knows no steps.
  std::vector<engine::StepReport> steps() const;
  /// How long each step of predict(x) took. Throws UsageError where the engine knows no steps.
  engine::Profile profile(const Array& x) const;

  /// Returns logits [B, num_classes], or the pooled features [B, num_features] of a model without a
  /// head; a row a token, [B, N, …], where the model does not pool.
  Array predict(const Array& x) const;
  Array predict(std::span<const ImageView> images) const;
  /// Of a range of data::Image, or of cv::Mat with `vit/opencv.h`.
  template <ImageRange Images>
  Array predict(const Images& images) const {
    return predict(std::span<const ImageView>(image_views(images)));
  }

  /// Returns [B, …], as FeatureKind says.
  Array features(const Array& x, const FeatureKind& kind) const;
  Array features(std::span<const ImageView> images, const FeatureKind& kind) const;
  template <ImageRange Images>
  Array features(const Images& images, const FeatureKind& kind) const {
    return features(std::span<const ImageView>(image_views(images)), kind);
  }

  /// Where the model looked: [B, grid_h, grid_w], not negative, each map's largest value 1.
  Array attention(const Array& x, AttentionMethod method) const;
  Array attention(std::span<const ImageView> images, AttentionMethod method) const;
  template <ImageRange Images>
  Array attention(const Images& images, AttentionMethod method) const {
    return attention(std::span<const ImageView>(image_views(images)), method);
  }

  /// The model's input [B, in_c, H, W] for images of any size. The pixels are read where they are.
  Array preprocess(std::span<const ImageView> images) const;
  template <ImageRange Images>
  Array preprocess(const Images& images) const {
    return preprocess(std::span<const ImageView>(image_views(images)));
  }
  /// Throws DataError where the model takes neither 1 nor 3 channels.
  const data::EvalTransform& transform() const;

  const ModelConfig& config() const;
  /// [in_c, H, W] of one input.
  std::array<std::int64_t, 3> input_shape() const;
  std::int64_t num_classes() const;
  /// One row of `predict`'s or `features`' result, without B.
  std::vector<std::int64_t> output_shape() const;
  std::vector<std::int64_t> feature_shape(const FeatureKind& kind) const;
  /// What was chosen for `auto`: engine, precision, kernels, device, threads.
  Json choices() const;

 private:
  struct State;
  /// Throws DataError where it has not four dimensions.
  engine::Input input_of(const Array& x) const;

  std::shared_ptr<const State> state_;
};

}  // namespace vit::infer

namespace vit {
using infer::Predictor;
using infer::PredictorOptions;
}  // namespace vit
