#include "teacher.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/argsort.h>
#include <ATen/ops/tensor.h>

#include <span>

#include "fine_tune.h"
#include "vit/core/sha256.h"
#include "vit/model/weights.h"

namespace vit::train {
namespace {

/// One value a channel.
std::vector<double> channels_of(const std::vector<double>& values, std::int64_t channels) {
  return values.size() == 1 ? std::vector<double>(static_cast<std::size_t>(channels), values[0])
                            : values;
}

std::string input_of(const VisionTransformerOptions& model) {
  return format("{} x {} x {}", model.in_c(), model.img_size()[0], model.img_size()[1]);
}

/// Which place a row has come from, by where it was: `rows` the other way round.
at::Tensor inverse_of(const std::vector<std::int64_t>& rows) {
  return at::argsort(at::tensor(rows, at::kLong));
}

}  // namespace

Teacher::Teacher(const TrainOptions& options, const ModelConfig& student,
                 const std::vector<std::string>& names, c10::Device device) {
  const auto& file = options.distillation().teacher();
  auto loaded = model::load_model(file);
  const auto& config = loaded.config;
  const auto channels = student.model.in_c();
  if (input_of(config.model) != input_of(student.model))
    throw UsageError("teacher: {}: expected an input of {}, the model's, found {}", file,
                     input_of(student.model), input_of(config.model));
  model_ = loaded.model;
  preprocessing_ = config.preprocessing;
  const auto plan =
      plan_head(config.labels, config.model.num_classes(), names, student.model.num_classes());
  if (plan.kind == HeadPlan::Kind::kNew)
    throw UsageError("teacher: {}: its classes are not the model's: {}", file, plan.reason);
  if (plan.kind == HeadPlan::Kind::kPermuted) {
    rows_ = plan.rows;
    permute_head(model_, rows_);
  }
  for (const auto& parameter : model_->parameters()) at::Tensor(parameter).requires_grad_(false);
  model_->eval();
  model_->to(device);
  const auto as_tensor = [&](const std::vector<double>& values) {
    return at::tensor(channels_of(values, channels), at::kFloat).reshape({1, -1, 1, 1}).to(device);
  };
  const auto& mine = config.preprocessing;
  const auto& its = student.preprocessing;
  if (mine.mean == its.mean && mine.std == its.std) return;
  scale_ = as_tensor(its.std) / as_tensor(mine.std);
  shift_ = (as_tensor(its.mean) - as_tensor(mine.mean)) / as_tensor(mine.std);
}

std::int64_t Teacher::bytes() const {
  std::int64_t bytes = 0;
  for (const auto& parameter : model_->parameters())
    bytes += static_cast<std::int64_t>(parameter.nbytes());
  return bytes;
}

std::string Teacher::digest() const {
  auto text = format("{} {}\n", preprocessing_.mean, preprocessing_.std);
  for (const auto& [name, tensor] : model::state_dict(*model_)) {
    auto plain = tensor.detach().to(at::kCPU).contiguous();
    if (!rows_.empty() && is_head(name)) plain = plain.index_select(0, inverse_of(rows_));
    const std::span bytes(static_cast<const std::byte*>(plain.const_data_ptr()), plain.nbytes());
    text += format("{} {} {}\n", name, plain.sizes().vec(), sha256(bytes));
  }
  return sha256(std::as_bytes(std::span(text)));
}

at::Tensor Teacher::logits(const at::Tensor& images) {
  const at::NoGradGuard no_grad;
  return model_->forward(scale_.defined() ? images * scale_ + shift_ : images).logits;
}

}  // namespace vit::train
