#include "vit/model/module_engine.h"

#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <c10/core/InferenceMode.h>
#include <torch/version.h>

#include "model/engine/forward.h"
#include "model/engine/own_module.h"
#include "vit/core/error.h"
#include "vit/runtime/device.h"
#include "vit/runtime/failure.h"

namespace vit::model {
namespace {

/// A copy in plain memory.
void store(const torch::Tensor& tensor, Array& to) {
  const auto plain = tensor.to(at::kCPU, at::kFloat).contiguous();
  to.resize(plain.sizes().vec());
  std::copy_n(plain.const_data_ptr<float>(), plain.numel(), to.data.data());
}

}  // namespace

c10::ScalarType module_precision(const std::string& precision) {
  if (precision == "auto" || precision == "fp32") return at::kFloat;
  if (precision == "bf16") return at::kBFloat16;
  if (precision == "fp16") return at::kHalf;
  throw UsageError("precision: the modules run in auto, fp32, bf16 or fp16, found '{}'", precision);
}

struct ModuleEngine::State {
  std::shared_ptr<VisionTransformerImpl> module;  // its forward is not const
  c10::Device device;
  c10::ScalarType dtype;

  void run(const engine::Input& in, const engine::Want& want, engine::Output& out) const {
    const c10::InferenceMode guard;
    const auto images =  // [B, in_c, H, W]
        at::from_blob(const_cast<float*>(in.images), {in.batch, in.channels, in.height, in.width},
                      at::kFloat);
    const auto passed = forward(*module, images.to(device, dtype), want);
    if (want.logits) store(passed.logits, out.logits);
    for (std::size_t i = 0; i < passed.features.size(); ++i)
      store(passed.features[i], out.features[i]);
    if (want.attention) store(passed.attention, out.attention);
  }
};

ModuleEngine::ModuleEngine(const VisionTransformer& module, const ModuleEngineOptions& options) {
  const auto dtype = module_precision(options.precision);
  runtime::prepare_device(options.device);
  state_ = std::make_unique<const State>(
      State{own_module(module.ptr(), options.device, dtype), options.device, dtype});
}

ModuleEngine::~ModuleEngine() = default;

void ModuleEngine::run(const engine::Input& input, const engine::Want& want,
                       engine::Output& output) const {
  const auto& options = state_->module->options;
  if (input.channels != options.in_c())
    throw DataError("model input: expected [B, {}, {}, {}], found [{}, {}, {}, {}]", options.in_c(),
                    options.img_size()[0], options.img_size()[1], input.batch, input.channels,
                    input.height, input.width);
  engine::check_want(options, want);
  output.logits.clear();
  output.attention.clear();
  output.features.resize(want.features.size());
  try {
    state_->run(input, want, output);
  } catch (const c10::Error& error) {
    if (const auto known = runtime::explain_failure(error)) throw Error(*known);
    throw DataError("{}", error.what_without_backtrace());
  }
}

engine::Choices ModuleEngine::choices() const {
  const auto dtype = state_->dtype;
  return {"modules",
          dtype == at::kFloat  ? "fp32"
          : dtype == at::kHalf ? "fp16"
                               : "bf16",
          format("LibTorch {} {}", TORCH_VERSION, at::get_cpu_capability()), state_->device.str(),
          at::get_num_threads()};
}

}  // namespace vit::model
