#include "vit/train/setup.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "fine_tune.h"
#include "lora.h"
#include "teacher.h"
#include "vit/config/registry.h"
#include "vit/core/isa.h"
#include "vit/core/text.h"
#include "vit/data/sample.h"
#include "vit/data/sampler.h"
#include "vit/data/shards.h"
#include "vit/data/subset.h"
#include "vit/data/train_transform.h"
#include "vit/model/weights.h"
#include "vit/nn/block.h"
#include "vit/nn/block_kernels.h"
#include "vit/runtime/device.h"
#include "vit/runtime/generator.h"
#include "vit/train/objective.h"
#include "vit/train/param_groups.h"

namespace vit::train {
namespace {

bool is_model_file(const TrainOptions& options) {
  std::error_code ignored;
  return !options.model().empty() && (options.model().find('/') != std::string::npos ||
                                      std::filesystem::exists(options.model(), ignored));
}

/// JSON, or a number as people write it (`.1`), or else text.
Json parse_value(const std::string& text) {
  auto value = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!value.is_discarded()) return value;
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  return !text.empty() && *end == '\0' ? Json(number) : Json(text);
}

/// `key=value`
void set_model_arg(VisionTransformerOptions& model, const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos)
    throw UsageError("model_args: expected key=value, found '{}'", text);
  const auto value = parse_value(text.substr(equals + 1));
  try {
    fields_from_json(model, Json{{text.substr(0, equals), value}}, "model_args");
  } catch (const DataError& error) {
    throw UsageError("{}", error.what());
  }
}

/// Takes what the user gave: one value a channel, or one for all.
void take_channels(const char* field, const std::vector<double>& given, std::vector<double>& values,
                   std::int64_t channels) {
  const auto count = static_cast<std::int64_t>(given.size());
  if (count > 1 && count != channels)
    throw UsageError("{}: expected {}, found {} numbers", field,
                     channels == 1 ? "one number" : format("1 or {} numbers", channels), count);
  if (count > 0) values = given;
}

void apply(ModelConfig& config, const TrainOptions& options) {
  for (const auto& text : options.model_args()) set_model_arg(config.model, text);
  auto& model = config.model;
  if (options.img_size()) model.img_size(*options.img_size());
  const auto& regular = options.regularization();
  if (regular.drop() > 0) model.drop_ratio(regular.drop());
  if (regular.drop_path()) model.drop_path_ratio(*regular.drop_path());
  auto& preprocessing = config.preprocessing;
  if (options.crop_pct()) preprocessing.crop_pct = *options.crop_pct();
  take_channels("mean", options.mean(), preprocessing.mean, model.in_c());
  take_channels("std", options.std(), preprocessing.std, model.in_c());
  match_channels(config, "the model's preprocessing",
                 std::max(preprocessing.mean.size(), preprocessing.std.size()));
  config.preprocessing_known = true;
}

model::LoadOptions load_options(const TrainOptions& options) {
  model::LoadOptions load;
  load.architecture = options.arch();
  load.adapt.img_size = options.img_size();
  load.adapt.seed = options.run().seed();
  return load;
}

/// The names that somebody gave to the dataset's classes, as UTF-8: in the options, or the class
/// folders'. Empty where nobody did (IDX). A recipe's names are for its own dataset.
std::vector<std::string> class_names(const TrainOptions& options, const data::Dataset& data) {
  if (options.labels().size() == data.classes().size()) return options.labels();
  return data.has_class_names() ? printable(data.classes()) : std::vector<std::string>{};
}

/// Where attention is small or in 16 bits, LibTorch's fused CPU kernel is slower backward than the
/// explicit softmax, which gives the same result. Model files keep what the model says.
VisionTransformerOptions training_form(VisionTransformerOptions model,
                                       const TrainOptions& options) {
  if (options.run().device() == "cpu" && options.amp() != "off") model.fused_attn(false);
  return model;
}

/// A dataset whose halves have numbers for names may have other numbers in each.
void check_labels(const TrainSetup& setup) {
  const auto classes = setup.train_data->classes().size();
  if (setup.val_data->classes().size() > classes)
    throw DataError("{}: expected the {} classes of the training images, found a label of {}",
                    setup.val_data->name(0), classes, setup.val_data->classes().size() - 1);
}

/// Numbers stand in for names where nobody gave any: a stray label makes classes of all below it.
void warn_of_empty_classes(const data::Dataset& data, Log& log) {
  std::vector<bool> seen(data.classes().size());
  for (std::int64_t i = 0; i < data.size(); ++i)
    for (const auto label : data.labels(i)) seen[static_cast<std::size_t>(label)] = true;
  const auto empty = std::ranges::count(seen, false);
  if (empty > 0)
    log.warning("of {} classes {} have no image to train on, the first: {}", seen.size(), empty,
                printable(data.classes()[static_cast<std::size_t>(std::ranges::find(seen, false) -
                                                                  seen.begin())]));
}

/// What would make a folder of tar files two halves.
std::string without_validation(const TrainOptions& options) {
  std::error_code none;
  if (!std::filesystem::is_directory(options.data(), none)) return "";
  const auto& split = options.val_split();
  const bool standard = split == data::DataOptions().val_split;
  return format(", for there is no {}", standard ? "val.tar or ILSVRC2012_img_val.tar beside "
                                                   "train.tar or ILSVRC2012_img_train.tar"
                                                 : split + ".tar");
}

void open_images(TrainSetup& setup, const TrainOptions& options, Log& log) {
  const auto channels = setup.config.model.in_c();
  data::DataOptions layout;
  layout.train_split = options.train_split();
  layout.val_split = options.val_split();
  if (data::names_shards(options.data(), layout) && options.holdout() == 0)
    throw UsageError(
        "holdout: expected images to validate on: the tar files of {} are all trained on{}",
        options.data(), without_validation(options));
  layout.class_map = options.class_map();
  layout.labels_csv = options.labels_csv();
  layout.holds_out = options.holdout() > 0;
  setup.train_data = data::open_data(options.data(), data::Split::kTrain, channels, layout);
  const auto warn_of_left_out = [&](const data::Dataset& half) {
    if (half.left_out() > 0)
      log.warning("{}: {}", options.data(), data::describe_left_out(half, options.class_map()));
  };
  warn_of_left_out(*setup.train_data);
  if (options.holdout() > 0) {
    auto halves = data::hold_out(setup.train_data, options.holdout(), options.run().seed());
    setup.train_data = std::move(halves.rest);
    setup.val_data = std::move(halves.held_out);
  } else {
    layout.train = setup.train_data;
    setup.val_data = data::open_data(options.data(), data::Split::kValidation, channels, layout);
    warn_of_left_out(*setup.val_data);
    check_labels(setup);
  }
  if (options.sampler() == "balanced" && !setup.train_data->shard_sizes().empty())
    throw UsageError("sampler: expected random, for shards are read in order, found balanced");
  warn_of_empty_classes(*setup.train_data, log);
  log.debug("{}: {} images to train on, {} to validate on, {} classes", options.data(),
            setup.train_data->size(), setup.val_data->size(), setup.train_data->classes().size());
}

/// A configuration that was whole before the options changed it.
void check_changed(const ModelConfig& config, const TrainOptions& options) {
  try {
    const bool by_arguments = options.model().empty() && !options.model_args().empty();
    config::check_config(config, by_arguments              ? "`model_args`"
                                 : options.model().empty() ? "the model"
                                                           : options.model());
  } catch (const DataError& error) {
    throw UsageError("{}", error.what());
  }
}

/// Always on the CPU first: what is drawn does not depend on the device.
VisionTransformer make_model(const ModelConfig& config, const TrainOptions& options,
                             const std::string& where) {
  config::check_config(config, where);
  return VisionTransformer(training_form(config.model, options), at::TensorOptions(),
                           model::VisionTransformerLayers{}, /*init=*/false);
}

model::LoadedModel load_file(const TrainOptions& options, Log* log) {
  try {
    auto loaded = model::load_model(options.model(), load_options(options), log);
    if (log != nullptr) log->debug("{}: read", options.model());
    return loaded;
  } catch (const UsageError& error) {
    // A file that does not say its architecture: training has no other way to be told.
    if (!options.arch().empty()) throw;
    throw UsageError("arch: {}: expected an architecture, for the file does not say its own",
                     options.model());
  }
}

void set_head(TrainSetup& setup, const HeadPlan& plan, const TrainOptions& options, Log& log) {
  static const std::map<HeadPlan::Kind, const char*> kWords{
      {HeadPlan::Kind::kKept, "is kept"},
      {HeadPlan::Kind::kPermuted, "is kept, its rows in the dataset's order"},
      {HeadPlan::Kind::kNew, "is new, drawn at random"}};
  log.info("{}: the head {}: {}", options.model(), kWords.at(plan.kind), plan.reason);
  if (plan.kind == HeadPlan::Kind::kNew) draw_head(setup.model, options.run().seed());
  if (plan.kind == HeadPlan::Kind::kPermuted) permute_head(setup.model, plan.rows);
}

void fine_tune(TrainSetup& setup, model::LoadedModel& source, const HeadPlan& plan,
               const TrainOptions& options, Log& log) {
  setup.model = make_model(setup.config, options, options.model());
  copy_weights(source.model, setup.model, plan.kind != HeadPlan::Kind::kNew, options.model());
  set_head(setup, plan, options, log);
}

/// The number of classes is the dataset's; an argument that says otherwise is a mistake.
void set_classes(ModelConfig& config, const TrainOptions& options, std::int64_t classes) {
  for (const auto& text : options.model_args())
    if (text.starts_with("num_classes=") && config.model.num_classes() != classes)
      throw UsageError("model_args: num_classes: expected {}, the dataset's classes, found {}",
                       classes, config.model.num_classes());
  config.model.num_classes(classes);
}

/// The names of the model's classes; empty where numbers stand in for them.
std::vector<std::string> given_names(const TrainSetup& setup) {
  const auto& data = *setup.train_data;
  const bool stands_in = !data.has_class_names() && setup.config.labels == data.classes();
  return stands_in ? std::vector<std::string>{} : setup.config.labels;
}

/// Once the model is whole: what of it is trained, where, and what it learns from.
void settle(TrainSetup& setup, const TrainOptions& options, c10::Device device) {
  freeze_blocks(*setup.model, options.optimizer().freeze_blocks(), setup.config.model.depth());
  setup.model->to(device);
  setup.model->grad_checkpointing = options.grad_checkpointing();
  // Seed and seed + 1 are the model's and dropout's.
  if (options.lora().lora_rank() > 0)
    setup.lora = std::make_shared<Lora>(setup.model, options.lora(), options.run().seed() + 2);
  if (!options.distillation().teacher().empty())
    setup.teacher = std::make_shared<Teacher>(options, setup.config, given_names(setup), device);
}

/// timm's repeated augmentation rounds an epoch down to a multiple of 256 images.
std::int64_t images_an_epoch(const TrainOptions& options, const data::Dataset& data) {
  if (options.repeated_aug() == 0) return data.size();
  return std::ssize(
      data::repeated(data::in_order(data.size()), {.repeats = options.repeated_aug()}));
}

}  // namespace

ModelConfig model_config(const TrainOptions& options) {
  ModelConfig config;
  if (is_model_file(options))
    config = load_file(options, nullptr).config;
  else if (!options.model().empty())
    config = config::find_architecture(options.model());
  apply(config, options);
  return config;
}

TrainSetup prepare(const TrainOptions& options, Log& log) {
  TrainSetup setup;
  const bool tunes = is_model_file(options);
  if (options.lora().lora_rank() > 0 && !tunes)
    throw UsageError("lora_rank: expected a model file as `model`, whose weights are updated");
  if (!options.arch().empty() && !tunes)
    throw UsageError("arch: expected a model file as `model`, which does not say its own");
  std::optional<model::LoadedModel> source;
  if (tunes)
    setup.config = source.emplace(load_file(options, &log)).config;
  else if (!options.model().empty())
    setup.config = config::find_architecture(options.model());
  const auto trained_classes = setup.config.model.num_classes();
  const auto trained_names = setup.config.labels;
  apply(setup.config, options);
  open_images(setup, options, log);
  const auto& data = *setup.train_data;
  const auto classes = static_cast<std::int64_t>(data.classes().size());
  const auto names = class_names(options, data);
  set_classes(setup.config, options, classes);
  // Images without class names keep those of the head that is kept.
  const bool keeps_names =
      names.empty() && tunes && trained_classes == classes && !trained_names.empty();
  if (!keeps_names) config::set_labels(setup.config, names.empty() ? data.classes() : names);

  check_changed(setup.config, options);
  const auto device = runtime::open_device(options.run().device());
  if (tunes) {
    fine_tune(setup, *source, plan_head(trained_names, trained_classes, names, classes), options,
              log);
  } else {
    setup.model =
        make_model(setup.config, options, options.model().empty() ? "model" : options.model());
    model::init_vit_weights(*setup.model, runtime::make_generator(options.run().seed()));
  }
  settle(setup, options, device);
  return setup;
}

TrainSetup prepare_resumed(const TrainOptions& options, const std::filesystem::path& model_file,
                           Log& log) {
  TrainSetup setup;
  auto source = model::load_model(model_file);
  setup.config = source.config;
  open_images(setup, options, log);
  const auto device = runtime::open_device(options.run().device());
  setup.model = make_model(setup.config, options, model_file.string());
  copy_weights(source.model, setup.model, /*with_head=*/true, model_file.string());
  settle(setup, options, device);
  return setup;
}

RunSteps plan_steps(const TrainOptions& options, const TrainSetup& setup) {
  check_options(options);
  const auto& config = setup.config;
  // Built for its checks alone.
  const data::TrainTransform transform(options.augment(), config.preprocessing,
                                       config.model.img_size(), config.model.in_c());
  learns_by_token(options.distillation(), config.model);  // for its check alone
  const auto images = images_an_epoch(options, *setup.train_data);
  RunSteps steps;
  steps.per_epoch =
      images / options.batch_size() / options.accum();  // a last, smaller one is left out
  if (options.accum() > images)
    throw UsageError("accum: expected at most {}, the images to train on, found {}", images,
                     options.accum());
  if (steps.per_epoch == 0)
    throw UsageError("batch_size: expected at most {}, the images to train on{}, found {}",
                     images / options.accum(),
                     options.accum() > 1 ? format(" over accum {}", options.accum()) : "",
                     options.batch_size());
  const auto& how = options.schedule();
  auto& schedule = steps.schedule;
  const auto per_epoch = static_cast<double>(steps.per_epoch);
  schedule.name = how.sched();
  schedule.lr = peak_lr(options);
  schedule.min_lr = how.min_lr();
  schedule.warmup_lr = how.warmup_lr();
  const bool counts_steps = options.total_steps() > 0;
  steps.epochs =
      counts_steps ? (options.total_steps() - 1) / steps.per_epoch + 1 : options.epochs();
  schedule.total_steps = counts_steps ? options.total_steps() : options.epochs() * steps.per_epoch;
  const double epochs = counts_steps ? static_cast<double>(options.total_steps()) / per_epoch
                                     : static_cast<double>(options.epochs());
  const double warmup = how.warmup_epochs().value_or(0.05 * epochs);
  schedule.warmup_steps =
      how.warmup_steps() > 0 ? how.warmup_steps() : std::llround(warmup * per_epoch);
  schedule.decay_steps = std::max<std::int64_t>(1, std::llround(how.decay_epochs() * per_epoch));
  schedule.decay_rate = how.decay_rate();
  return steps;
}

std::int64_t count_trained(const TrainSetup& setup) {
  std::int64_t count = 0;
  for (const auto& [name, parameter] : trained_parameters(*setup.model)) count += parameter.numel();
  if (setup.lora)
    for (const auto& [name, tensor] : setup.lora->state()) count += tensor.numel();
  return count;
}

namespace {

/// Whether all blocks are computed by our own kernels.
bool own_kernels(const TrainOptions& options, const TrainSetup& setup) {
  if (options.kernels() != "own" || options.run().device() != "cpu" || options.amp() == "fp16" ||
      (options.amp() == "bf16" && detect_isa() < Isa::kBf16))
    return false;
  const auto blocks = setup.model->block->children();
  return std::ranges::all_of(blocks, [](const auto& one) {
    const auto* block = dynamic_cast<const nn::BlockImpl*>(one.get());
    return block != nullptr && nn::BlockKernels::serve(*block);
  });
}

/// What a block keeps of a token for the backward pass by LibTorch's operators: its input, two
/// norms, qkv, attention before and after the heads are joined, the second residual; the MLP's
/// hidden layer before and after the activation; where attention is not fused, its weights and, as
/// measured, as much as its queries. In 16 bits the residuals keep 32.
double kept_by_operators(const VisionTransformerOptions& o, double tokens, bool narrow) {
  const auto width = static_cast<double>(o.embed_dim());
  const double hidden = width * o.mlp_ratio();
  const double explicit_attention =
      o.fused_attn() ? 0 : static_cast<double>(o.num_heads()) * tokens + width;
  const double values = 9 * width + 2 * hidden + explicit_attention;
  return narrow ? 2 * (values + 2 * width) : 4 * values;
}

}  // namespace

double estimate_memory(const TrainOptions& options, const TrainSetup& setup) {
  const auto& o = setup.model->options;
  const auto& optimizer = options.optimizer();
  const bool narrow = options.amp() != "off";
  double weights = 0;
  for (const auto& parameter : setup.model->parameters())
    weights += static_cast<double>(parameter.numel());
  const auto trained = static_cast<double>(count_trained(setup));
  // Of what is trained gradients and the optimiser's moments; the average; 16 bits of the weights.
  const double moments = optimizer.opt() == "adamw" || optimizer.opt() == "lamb" ? 2 : 1;
  double bytes = 4 * (weights + trained * (1 + moments)) + (narrow ? 2 * weights : 0);
  if (options.regularization().ema()) bytes += 4 * (setup.lora ? trained : weights);

  const auto rows = o.img_size()[0] / o.patch_size()[0];
  const auto columns = o.img_size()[1] / o.patch_size()[1];
  const auto tokens = static_cast<double>(rows * columns + o.num_prefix_tokens());
  const auto width = static_cast<double>(o.embed_dim());
  const double hidden = width * o.mlp_ratio();
  const auto batch = static_cast<double>(options.batch_size());
  // Our own kernels keep a block's input and its middle in float32, qkv, the heads' outputs and the
  // hidden layer in the type of the products.
  const double kept = own_kernels(options, setup)
                          ? (narrow ? 2.0 * (8 * width + hidden) : 4.0 * (6 * width + hidden))
                          : kept_by_operators(o, tokens, narrow);
  const auto blocks = static_cast<double>(o.depth() - optimizer.freeze_blocks());
  // Where blocks run again, each keeps its input, and one at a time all the rest; the first block
  // behind what is not trained keeps all of it too.
  const bool again = options.grad_checkpointing();
  const bool begins_frozen = optimizer.freeze_blocks() > 0 || setup.lora;
  const double inputs = again ? blocks * 4 * width : 0;
  const double whole = again ? std::min(blocks, begins_frozen ? 2.0 : 1.0) : blocks;
  const bool on_cpu = options.run().device() == "cpu";
  // The batch that is at work and those that the loader has in hand, or on the device that which is
  // at work and the next; of so many images there may be fewer.
  const auto in_hand =
      on_cpu ? data::default_prefetch(loader_workers(options.run(), on_cpu), options.batch_size())
             : 1;
  const auto pixels = static_cast<double>(o.in_c() * o.img_size()[0] * o.img_size()[1]);
  const auto loaded = [&](std::int64_t batches) {
    return 4 * batch * pixels * static_cast<double>(std::min<std::int64_t>(1 + in_hand, batches));
  };
  const auto size = options.batch_size();
  const double training = batch * tokens * (whole * kept + inputs) +
                          loaded(images_an_epoch(options, *setup.train_data) / size);
  // Without gradients a block leaves nothing, but one is at work.
  const double validation = loaded((setup.val_data->size() + size - 1) / size);
  bytes += std::max(training, validation) + batch * tokens * 4 * (6 * width + 2 * hidden);
  bytes += static_cast<double>(setup.train_data->bytes_in_memory());
  if (options.holdout() == 0) bytes += static_cast<double>(setup.val_data->bytes_in_memory());
  if (setup.teacher) bytes += static_cast<double>(setup.teacher->bytes());
  // The program with LibTorch, where it shares its memory with the model.
  constexpr double kProgram = 150e6;
  return bytes + (on_cpu ? kProgram : 0);
}

}  // namespace vit::train
