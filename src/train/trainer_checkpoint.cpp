// What of a Trainer a checkpoint holds, and how it comes back.
#include <ATen/core/grad_mode.h>

#include "vit/core/file.h"
#include "vit/io/safetensors.h"
#include "vit/model/weights.h"
#include "vit/runtime/generator.h"
#include "vit/train/trainer.h"

namespace vit::train {
namespace fs = std::filesystem;
namespace {

constexpr auto kModel = "model.safetensors";
constexpr auto kTensors = "training.safetensors";
constexpr auto kState = "state.json";

void write_tensors(const fs::path& path, const NamedTensors& tensors) {
  std::vector<io::TensorToWrite> entries;
  for (const auto& [name, tensor] : tensors) {
    const auto plain = tensor.detach().to(at::kCPU).contiguous();
    entries.push_back({name, model::to_dtype(plain.scalar_type()), plain.sizes().vec(), [plain] {
                         return std::span(static_cast<const std::byte*>(plain.const_data_ptr()),
                                          plain.nbytes());
                       }});
  }
  io::write_safetensors(path, entries);
}

/// Every tensor of `tensors` must be in the file, with its shape and type, and nothing else.
void read_tensors(const fs::path& path, const NamedTensors& tensors) {
  const at::NoGradGuard no_grad;
  const auto file = io::read_safetensors(path);
  if (file.tensors.entries().size() != tensors.size())
    throw DataError("{}: expected {} tensors, found {}", path.string(), tensors.size(),
                    file.tensors.entries().size());
  for (const auto& [name, tensor] : tensors) {
    const auto* entry = file.tensors.find(name);
    if (entry == nullptr) throw DataError("{}: expected tensor '{}'", path.string(), name);
    if (entry->shape != tensor.sizes().vec() ||
        entry->dtype != model::to_dtype(tensor.scalar_type()))
      throw DataError("{}: tensor '{}': expected {} {}, found {} {}", path.string(), name,
                      io::name_of(model::to_dtype(tensor.scalar_type())), tensor.sizes().vec(),
                      io::name_of(entry->dtype), entry->shape);
    auto target = tensor.detach();
    target.copy_(model::to_tensor(*entry));
  }
}

}  // namespace

NamedTensors Trainer::training_tensors() const {
  NamedTensors tensors;
  for (const auto& [name, tensor] : optimizer_->state())
    tensors.emplace_back("optimizer." + name, tensor);
  if (ema_)
    for (const auto& [name, tensor] : ema_->state()) tensors.emplace_back("ema." + name, tensor);
  tensors.emplace_back("generator", runtime::generator_state(generator_));
  return tensors;
}

void Trainer::save_checkpoint() {
  const auto folder = fs::path(options_.output) / "checkpoints";
  write_checkpoint(folder, state_.step, options_.keep, [&](const fs::path& unfinished) {
    model::save_model(unfinished / kModel, *model_, config_);
    write_tensors(unfinished / kTensors, training_tensors());
    write_file(unfinished / kState, fields_to_json(state_).dump(2) + "\n");
  });
  log_.debug("checkpoint {} written", (folder / ("step-" + std::to_string(state_.step))).string());
}

void Trainer::resume(const fs::path& checkpoint) {
  const auto file = checkpoint / kState;
  const auto json = Json::parse(read_file(file), nullptr, /*allow_exceptions=*/false);
  TrainState state;
  fields_from_json(state, json, file.string());
  if (state.epoch < 0 || state.step_in_epoch < 0 || state.step_in_epoch > steps_per_epoch_ ||
      state.step != state.epoch * steps_per_epoch_ + state.step_in_epoch)
    throw DataError(
        "{}: expected {} steps an epoch, found step {} in epoch {}; is the data another?",
        file.string(), steps_per_epoch_, state.step, state.epoch + 1);
  read_tensors(checkpoint / kModel, model::state_dict(*model_));
  auto tensors = training_tensors();
  read_tensors(checkpoint / kTensors, tensors);
  runtime::set_generator_state(generator_, tensors.back().second);
  state_ = state;
}

}  // namespace vit::train
