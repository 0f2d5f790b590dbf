// Answers of a model: pictures or tensors in, logits, features or attention out.
//
//     vit::Predictor predictor("model.safetensors");
//     const auto logits = predictor.predict(images);  // [B, num_classes]
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "vit/core/json.h"
#include "vit/core/log.h"
#include "vit/data/eval_transform.h"
#include "vit/data/image.h"
#include "vit/model/weights.h"

namespace vit::infer {

struct PredictorOptions {
  c10::Device device = c10::kCPU;
  std::string precision = "auto";     ///< auto (fp32), fp32, bf16
  std::string engine = "auto";        ///< auto or modules
  std::string architecture;           ///< where the file does not say
  std::filesystem::path config_file;  ///< where the file does not say
};

/// Which of a model's inner values are wanted.
struct FeatureKind {
  enum Kind { kCls, kMean, kTokens, kPooled, kLayer };
  Kind kind = kPooled;
  std::int64_t layer = 0;  ///< of kLayer: the block, from 0
};

/// `cls`, `mean`, `tokens`, `pooled` or `layer:N`. Throws UsageError.
FeatureKind parse_feature_kind(const std::string& text);

/// How attention becomes one map a picture.
enum class AttentionMethod {
  kLast,     ///< the class token's attention in the last block, mean over heads
  kRollout,  ///< Abnar and Zuidema 2020: (A + I) / 2 of every block, multiplied
};

/// `last` or `rollout`. Throws UsageError.
AttentionMethod parse_attention_method(const std::string& text);

/// What a model says, and where it looked.
struct WithAttention {
  at::Tensor values;     ///< as `predict` or `features` returns them
  at::Tensor attention;  ///< as `attention` returns it
};

/// A model in eval mode, on a device, ready for calls from several threads at once: every function
/// is const. Copies share the weights. What comes back is float32 on the CPU, made in inference
/// mode: `clone()` it before autograd is to save it.
class Predictor {
 public:
  /// Opens what model::load_model opens. Throws DataError, IoError, UsageError (an engine or a
  /// precision that is not there).
  explicit Predictor(const std::filesystem::path& path, const PredictorOptions& options = {},
                     Log* log = nullptr);
  /// Leaves the caller's module as it is: its precision, device and mode. The weights are shared
  /// where they need no conversion, so that training them on shows here. Throws UsageError, also
  /// where a child of the module was replaced and the module would need a conversion.
  explicit Predictor(model::LoadedModel loaded, const PredictorOptions& options = {});

  /// x: [B, in_c, H, W], preprocessed. Returns logits [B, num_classes], or the pooled features
  /// [B, num_features] of a model without a head; a row a token, [B, N, …], where the model does
  /// not pool. Throws DataError on another shape.
  at::Tensor predict(const at::Tensor& x) const;
  at::Tensor predict(std::span<const data::Image> images) const;

  /// Returns, of the tokens after the final norm: cls [B, D] the first; mean [B, D] over the
  /// patches' tokens; tokens [B, N, D] all; pooled [B, num_features] what the head sees (timm's
  /// `forward_head(pre_logits=True)`). layer:N [B, N, D] is block N's output, not normed.
  /// Throws UsageError where there is no such block.
  at::Tensor features(const at::Tensor& x, const FeatureKind& kind) const;
  at::Tensor features(std::span<const data::Image> images, const FeatureKind& kind) const;

  /// Where the model looked: [B, grid_h, grid_w], not negative, each map's largest value 1.
  at::Tensor attention(const at::Tensor& x, AttentionMethod method) const;
  at::Tensor attention(std::span<const data::Image> images, AttentionMethod method) const;

  /// Both in one pass through the model, bit for bit what two give.
  WithAttention predict_with_attention(const at::Tensor& x, AttentionMethod method) const;
  WithAttention features_with_attention(const at::Tensor& x, const FeatureKind& kind,
                                        AttentionMethod method) const;

  /// The model's input [B, in_c, H, W] for pictures of any size.
  at::Tensor preprocess(std::span<const data::Image> images) const;
  /// Throws DataError where the model takes neither 1 nor 3 channels.
  const data::EvalTransform& transform() const;

  const ModelConfig& config() const;
  /// [in_c, H, W] of one input.
  std::array<std::int64_t, 3> input_shape() const;
  std::int64_t num_classes() const;
  /// One row of `predict`'s or `features`' result, without B.
  std::vector<std::int64_t> output_shape() const;
  std::vector<std::int64_t> feature_shape(const FeatureKind& kind) const;
  /// What was chosen for `auto`: engine, precision, device, threads.
  Json choices() const;

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

}  // namespace vit::infer

namespace vit {
using infer::Predictor;
using infer::PredictorOptions;
}  // namespace vit
