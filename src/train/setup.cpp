#include "vit/train/setup.h"

#include <ATen/core/grad_mode.h>

#include <numeric>

#include "vit/config/registry.h"
#include "vit/model/weights.h"
#include "vit/runtime/device.h"
#include "vit/runtime/generator.h"

namespace vit::train {
namespace {

bool is_model_file(const TrainOptions& options) {
  std::error_code ignored;
  return !options.model.empty() && (options.model.find('/') != std::string::npos ||
                                    std::filesystem::exists(options.model, ignored));
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
    throw UsageError("--model-arg: expected key=value, found '{}'", text);
  const auto value = parse_value(text.substr(equals + 1));
  try {
    fields_from_json(model, Json{{text.substr(0, equals), value}}, "--model-arg");
  } catch (const DataError& error) {
    throw UsageError("{}", error.what());
  }
}

/// One value a channel: a grey model takes the mean of a colour one's.
void fit_channels(std::vector<double>& values, std::int64_t channels) {
  if (static_cast<std::int64_t>(values.size()) == channels || values.empty()) return;
  const double mean =
      std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  values.assign(static_cast<std::size_t>(channels), mean);
}

void apply(ModelConfig& config, const TrainOptions& options) {
  for (const auto& text : options.model_args) set_model_arg(config.model, text);
  auto& model = config.model;
  if (options.img_size) model.img_size(*options.img_size);
  if (options.drop > 0) model.drop_ratio(options.drop);
  if (options.drop_path) model.drop_path_ratio(*options.drop_path);
  auto& preprocessing = config.preprocessing;
  if (!options.mean.empty()) preprocessing.mean = options.mean;
  if (!options.std.empty()) preprocessing.std = options.std;
  if (options.crop_pct) preprocessing.crop_pct = *options.crop_pct;
  fit_channels(preprocessing.mean, model.in_c());
  fit_channels(preprocessing.std, model.in_c());
  config.preprocessing_known = true;
}

model::LoadOptions load_options(const TrainOptions& options) {
  model::LoadOptions load;
  load.architecture = options.arch;
  load.adapt.img_size = options.img_size;
  load.adapt.seed = options.seed;
  return load;
}

std::vector<std::string> class_names(const TrainOptions& options, const data::Dataset& data,
                                     Log& log) {
  if (options.labels.empty() || options.labels.size() == data.classes().size())
    return options.labels.empty() ? data.classes() : options.labels;
  log.warning("{} class names given for {} classes: the data's own are kept", options.labels.size(),
              data.classes().size());
  return data.classes();
}

/// Where attention is small or in bf16, LibTorch's fused CPU kernel is slower backward than the
/// explicit softmax, which gives the same result. Model files keep what the model says.
VisionTransformerOptions training_form(VisionTransformerOptions model,
                                       const TrainOptions& options) {
  if (options.device == "cpu" && options.amp == "bf16") model.fused_attn(false);
  return model;
}

void copy_weights(const VisionTransformer& from, VisionTransformer& to, const std::string& source) {
  const at::NoGradGuard no_grad;
  std::map<std::string, at::Tensor> weights;
  for (auto& [name, tensor] : model::state_dict(*from)) weights.emplace(name, tensor);
  for (auto& [name, tensor] : model::state_dict(*to)) {
    const auto found = weights.find(name);
    if (found == weights.end() || found->second.sizes() != tensor.sizes())
      throw DataError("{}: tensor '{}': expected shape {}, found {}; --model-arg cannot change it",
                      source, name, tensor.sizes().vec(),
                      found == weights.end() ? "none" : format("{}", found->second.sizes().vec()));
    tensor.copy_(found->second);
  }
}

}  // namespace

ModelConfig model_config(const TrainOptions& options) {
  ModelConfig config;
  if (is_model_file(options))
    config = model::load_model(options.model, load_options(options)).config;
  else if (!options.model.empty())
    config = config::find_architecture(options.model);
  apply(config, options);
  return config;
}

TrainSetup prepare(const TrainOptions& options, Log& log) {
  TrainSetup setup;
  setup.config = model_config(options);
  auto& model = setup.config.model;
  setup.train_data = data::open_data(options.data, data::Split::kTrain, model.in_c());
  setup.val_data = data::open_data(options.data, data::Split::kValidation, model.in_c());
  const auto classes = static_cast<std::int64_t>(setup.train_data->classes().size());
  config::set_labels(setup.config, class_names(options, *setup.train_data, log));
  const auto device = runtime::open_device(options.device);

  if (is_model_file(options)) {
    auto load = load_options(options);
    load.adapt.num_classes = classes;
    auto loaded = model::load_model(options.model, load, &log);
    if (model.num_classes() == classes && !loaded.config.labels.empty() &&
        loaded.config.labels != setup.config.labels)
      log.warning("{}: its {} classes have other names than the data's; its head is kept",
                  options.model, classes);
    model.num_classes(classes);
    config::check_config(setup.config, options.model);
    setup.model = VisionTransformer(training_form(model, options), at::TensorOptions(device),
                                    model::VisionTransformerLayers{}, /*init=*/false);
    copy_weights(loaded.model, setup.model, options.model);
    return setup;
  }
  model.num_classes(classes);
  config::check_config(setup.config, options.model.empty() ? "model" : options.model);
  setup.model = VisionTransformer(training_form(model, options), at::TensorOptions(device),
                                  model::VisionTransformerLayers{}, /*init=*/false);
  model::init_vit_weights(*setup.model, runtime::make_generator(options.seed, device));
  return setup;
}

std::int64_t estimate_memory(const TrainOptions& options, const VisionTransformer& model) {
  std::int64_t weights = 0;
  for (const auto& parameter : model->parameters()) weights += parameter.numel();
  const auto& o = model->options;
  const auto tokens = model->pos_embed.size(1);
  const auto width = o.embed_dim();
  const auto hidden = static_cast<std::int64_t>(static_cast<double>(width) * o.mlp_ratio());
  // Kept for the backward pass in each block: two norms, qkv, attention in and out, two residuals;
  // the MLP's hidden layer before and after the activation; the attention weights, twice.
  const auto per_token = 10 * width + 2 * hidden + 2 * o.num_heads() * tokens;
  const auto activations = options.batch_size * tokens * per_token * o.depth();
  const std::int64_t copies = options.ema ? 5 : 4;  // weights, gradients, two moments
  return 4 * (weights * copies + activations);
}

}  // namespace vit::train
