// What of a Trainer a checkpoint holds, and how it comes back.
#include <ATen/core/grad_mode.h>

#include <fstream>

#include "trainer_impl.h"
#include "vit/core/file.h"
#include "vit/io/safetensors.h"
#include "vit/model/weights.h"
#include "vit/runtime/generator.h"

namespace vit::train {
namespace fs = std::filesystem;
namespace {

constexpr auto kModel = "model.safetensors";
constexpr auto kTensors = "training.safetensors";
constexpr auto kState = "state.json";
constexpr auto kDataset = "dataset.safetensors";
constexpr auto kGenerator = "generator";
constexpr auto kBest = "best.safetensors";

/// The first few of a list of names.
std::string first_names(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 3;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i)
    text += (i == 0 ? "" : ", ") + names[i];
  return names.size() > kShown ? text + ", …" : text;
}

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

/// Every tensor of `tensors` must be in the file, with its shape and type, and nothing else but
/// `besides`, which is given back as it is.
at::Tensor read_tensors(const fs::path& path, const NamedTensors& tensors,
                        const std::string& besides = "") {
  const at::NoGradGuard no_grad;
  const auto file = io::read_safetensors(path);
  const auto expected = tensors.size() + (besides.empty() ? 0 : 1);
  if (file.tensors.entries().size() != expected)
    throw DataError("{}: expected {} tensors, found {}", path.string(), expected,
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
  if (besides.empty()) return {};
  const auto* entry = file.tensors.find(besides);
  if (entry == nullptr) throw DataError("{}: expected tensor '{}'", path.string(), besides);
  return model::to_tensor(*entry).clone();
}

/// A second name of the file's bytes where the file system can, else a copy.
void link_or_copy(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::create_hard_link(from, to, error);
  if (!error) return;
  AtomicFile copy(to);
  std::ifstream in(from, std::ios::binary);
  std::vector<char> block(1 << 20);
  while (in.read(block.data(), static_cast<std::streamsize>(block.size())) || in.gcount() > 0)
    copy.write(std::string_view(block.data(), static_cast<std::size_t>(in.gcount())));
  if (!in.eof()) throw IoError("{}: cannot be read", from.string());
  copy.commit();
}

/// `file` becomes what `from` is, at once.
void put_back(const fs::path& from, const fs::path& file) {
  auto beside = file;
  beside += ".restored";
  std::error_code error;
  fs::remove(beside, error);
  link_or_copy(from, beside);
  fs::rename(beside, file, error);
  if (error) throw IoError("{}: cannot be written: {}", file.string(), error.message());
  fs::remove(beside, error);  // still there where both were names of one file
}

}  // namespace

NamedTensors Trainer::Impl::training_tensors() const {
  NamedTensors tensors;
  for (const auto& [name, tensor] : optimizer_->state())
    tensors.emplace_back("optimizer." + name, tensor);
  if (ema_)
    for (const auto& [name, tensor] : ema_->state()) tensors.emplace_back("ema." + name, tensor);
  if (lora_)
    for (const auto& [name, tensor] : lora_->state()) tensors.emplace_back("lora." + name, tensor);
  return tensors;
}

void Trainer::Impl::save_checkpoint(bool with_best) {
  const fs::path run = options_.run().output();
  write_checkpoint(run / "checkpoints", state_.step, options_.run().keep(),
                   [&](const fs::path& folder) {
                     model::save_model(folder / kModel, *model_, config_);
                     auto tensors = training_tensors();
                     tensors.emplace_back(kGenerator, runtime::generator_state(generator_));
                     write_tensors(folder / kTensors, tensors);
                     write_record(folder / kDataset, record_);
                     write_file(folder / kState, fields_to_json(state_).dump(2) + "\n");
                     if (with_best) link_or_copy(run / kBest, folder / kBest);
                   });
  log_.debug("checkpoint {} written",
             (run / "checkpoints" / ("step-" + std::to_string(state_.step))).string());
}

/// Whether the images are others than the checkpoint's.
bool Trainer::Impl::check_dataset(const fs::path& checkpoint, const ResumeOptions& how) {
  std::error_code none;
  if (!fs::exists(checkpoint / kDataset, none)) {
    log_.warning("{}: written by an earlier version, it does not know which images it was for",
                 checkpoint.string());
    return false;
  }
  const auto before = read_record(checkpoint / kDataset);
  if (before.classes != record_.classes)
    throw DataError(
        "{}: the dataset's classes are not those of the run that is resumed: expected {} ({}), "
        "found {} ({}); a model file of the run can be fine-tuned instead",
        options_.data(), before.classes.size(), first_names(before.classes), record_.classes.size(),
        first_names(record_.classes));
  if (!before.teacher.empty() && before.teacher != record_.teacher)
    throw DataError(
        "{}: teacher: expected the weights that the run that is resumed learns from, "
        "found others",
        options_.distillation().teacher());
  const auto changed = dataset_difference(before, record_, *train_data_, *val_data_);
  if (changed.empty()) return false;
  if (!how.allow_dataset_change)
    throw DatasetChanged("{}: the images changed since the checkpoint: {}", options_.data(),
                         changed);
  log_.warning("{}: the images changed since the checkpoint: {}", options_.data(), changed);
  return true;
}

/// A generator of another kind of device (its state has another size) cannot go on with the same
/// numbers.
void Trainer::Impl::restore_generator(const fs::path& file, const at::Tensor& stored,
                                      std::int64_t step) {
  if (stored.scalar_type() != at::kByte)
    throw DataError("{}: tensor '{}': expected bytes", file.string(), kGenerator);
  if (stored.numel() == runtime::generator_state(generator_).numel()) {
    runtime::set_generator_state(generator_, stored);
    return;
  }
  log_.warning(
      "the run was on another kind of device: the random numbers of dropout and drop path "
      "begin anew from seed and step, so the run is not the same bit for bit");
  const std::lock_guard lock(generator_.mutex());
  generator_.set_current_seed(
      Random(options_.run().seed() + 1, 0, static_cast<std::uint64_t>(step)).next());
}

void Trainer::Impl::resume(const fs::path& checkpoint, const ResumeOptions& how) {
  const auto file = checkpoint / kState;
  const auto json = Json::parse(read_file(file), nullptr, /*allow_exceptions=*/false);
  TrainState state;
  fields_from_json(state, json, file.string());
  if (state.epoch < 0 || state.step_in_epoch < 0 || state.step < state.step_in_epoch)
    throw DataError("{}: expected counts of epochs and steps, found epoch {}, step {} of {}",
                    file.string(), state.epoch, state.step_in_epoch, state.step);
  // With more or fewer images the epoch that is running ends after its new number of steps.
  const auto most = state.epoch < epochs_ ? steps_of_epoch(state.epoch) : 0;
  if (check_dataset(checkpoint, how))
    state.step_in_epoch = std::min(state.step_in_epoch, most);
  else if (state.step_in_epoch > most)
    throw DataError("{}: expected {} steps in epoch {}, found step {}", file.string(), most,
                    state.epoch + 1, state.step_in_epoch);
  const auto last = options_.run().max_steps();
  if (how.new_run && (state.epoch >= epochs_ || (last > 0 && state.step >= last)))
    throw UsageError("{}: expected a checkpoint with steps left to train, found the end, step {}",
                     checkpoint.string(), state.step);
  read_tensors(checkpoint / kModel, model::state_dict(*model_));
  const auto generator = read_tensors(checkpoint / kTensors, training_tensors(), kGenerator);
  restore_generator(checkpoint / kTensors, generator, state.step);
  std::error_code none;
  if (fs::exists(checkpoint / kBest, none))
    put_back(checkpoint / kBest, fs::path(options_.run().output()) / kBest);
  else if (how.new_run)
    state.best_top1.reset();
  state_ = state;
}

}  // namespace vit::train
