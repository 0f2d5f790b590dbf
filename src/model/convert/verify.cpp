#include "vit/model/verify.h"

#include <ATen/Functions.h>
#include <c10/core/InferenceMode.h>

#include <map>

#include "vit/config/timm_names.h"
#include "vit/core/error.h"
#include "vit/state_dict/weight_file.h"

namespace vit::model {
namespace {

/// 1e-5 of the reference's largest value: what float32 sums in another order may differ by.
constexpr double kRelativeTolerance = 1e-5;

using Outputs = std::map<std::string, torch::Tensor>;

double largest(const torch::Tensor& x) {
  return x.numel() == 0 ? 0.0 : x.abs().max().to(at::kDouble).item<double>();
}

void check_finite(const VisionTransformerImpl& model) {
  for (const auto& [name, tensor] : state_dict(model))
    if (!at::isfinite(tensor).all().item<bool>())
      throw DataError("tensor '{}': expected finite values, found NaN or infinity", name);
}

/// Eval mode, and afterwards the mode that was.
class EvalMode {
 public:
  explicit EvalMode(VisionTransformerImpl& model) : model_(model), training_(model.is_training()) {
    model_.eval();
  }
  ~EvalMode() { model_.train(training_); }
  EvalMode(const EvalMode&) = delete;
  EvalMode& operator=(const EvalMode&) = delete;

 private:
  VisionTransformerImpl& model_;
  bool training_;
};

/// The output of every module that the forward pass goes through, by name.
Outputs run(VisionTransformerImpl& model, const torch::Tensor& input) {
  Outputs outputs;
  const auto see = [&](const Observation& seen) {
    outputs[seen.name()] = outputs[std::string(seen.module)] = seen.out;
  };
  outputs["output"] = model.forward_observed(input, see).logits;
  // Two names of timm's, and what it pools in a distilled model, whose heads see tokens.
  outputs["embed"] = outputs["norm_pre"];
  outputs["forward_features"] = outputs["norm"];
  if (model.options.distilled()) outputs["pre_logits"] = model.pool(outputs["norm"]);
  outputs["fc_norm"] = outputs["pre_logits"];
  return outputs;
}

VerifyRow compare(const std::string& name, const torch::Tensor& expected,
                  const torch::Tensor& found, const std::string& where,
                  std::optional<double> atol) {
  if (expected.sizes() != found.sizes())
    throw DataError("{}: '{}': expected the model's shape {}, found {}", where, name,
                    found.sizes().vec(), expected.sizes().vec());
  const auto reference = expected.to(at::kDouble);
  VerifyRow row{name, largest(reference - found.to(at::kDouble)), 0, false};
  row.tolerance = atol.value_or(kRelativeTolerance * largest(reference));
  row.passed = row.difference <= row.tolerance;  // false for NaN
  return row;
}

}  // namespace

std::vector<VerifyRow> verify(VisionTransformer model, const std::filesystem::path& reference,
                              std::optional<double> atol) {
  const c10::InferenceMode inference;
  const auto where = reference.string();
  const auto file = state_dict::open_weight_file(reference);
  const auto* input = file.tensors.find("input");
  if (input == nullptr) throw DataError("{}: expected a tensor 'input', found none", where);
  check_finite(*model);
  const EvalMode eval(*model);
  const auto device = model->parameters().front().device();
  const auto outputs = run(*model, to_tensor(*input).to(device, at::kFloat).contiguous());

  std::vector<VerifyRow> rows;
  for (const auto& entry : file.tensors.entries()) {
    if (entry.name == "input") continue;
    const auto found = outputs.find(config::TimmKeyMap::to_native(entry.name));
    if (found == outputs.end())
      throw DataError("{}: '{}': no module of the model that can be compared has this name", where,
                      entry.name);
    rows.push_back(compare(entry.name, to_tensor(entry), found->second.cpu(), where, atol));
  }
  if (rows.empty()) throw DataError("{}: expected an 'output' to compare with, found none", where);
  return rows;
}

}  // namespace vit::model
