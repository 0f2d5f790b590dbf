#include "flags.h"

#include <cmath>
#include <filesystem>
#include <map>

#include "vit/core/text.h"
#include "vit/train/recipe.h"

namespace vit::tools {
namespace {

struct Flag {
  const char* field;
  const char* flags;  ///< as CLI11 takes them
  const char* group;
  const char* help;
};

constexpr auto kAugment = "Augmentation";
constexpr auto kData = "Data and model";
constexpr auto kRun = "Run folder";
constexpr auto kOptimiser = "Optimiser and schedule";
constexpr auto kRegular = "Regularisation";
constexpr auto kImages = "Images";

const std::vector<Flag>& flags() {
  static const std::vector<Flag> table{
      {"data", "--data-dir,--data", kData,
       "Class folders under train/ and val/, or MNIST's four IDX files"},
      {"model", "--model", kData, "Architecture (from scratch), or model file (fine-tuning)"},
      {"arch", "--arch", kData, "Architecture of a --model file that does not say"},
      {"model_args", "--model-arg", kData, "key=value: any option of the model"},
      {"model_args", "--model-kwargs", kData, "timm's name of --model-arg"},
      {"img_size", "--img-size", kData, "Pixels: N, or H W"},
      {"recipe", "--recipe", kData, "Values for every option; each flag still overrides"},
      {"holdout", "--holdout", kData,
       "Validate on N images drawn from those to train on, not on the dataset's own"},
      {"output", "-o,--output", kRun, "Run folder"},
      {"val_every", "--val-interval,--val-every", kRun, "Evaluate every N epochs"},
      {"checkpoint_every", "--checkpoint-every", kRun, "Also write a checkpoint every N steps"},
      {"keep", "--checkpoint-hist,--keep", kRun, "Checkpoints to keep, at least 2"},
      {"max_steps", "--max-steps", kRun, "End early, evaluated; schedules still follow --epochs"},
      {"log_every", "--log-every", kRun, "Steps between two rows of log.jsonl"},
      {"tensorboard", "--tensorboard", kRun, "Also write the log as TensorBoard's event file"},
      {"epochs", "--epochs", kOptimiser, "Times through the data; may be raised with --resume"},
      {"batch_size", "--batch-size", kOptimiser,
       "Images at once; made smaller for a smaller dataset unless given"},
      {"accum", "--grad-accum-steps,--accum", kOptimiser, "Batches whose gradients make one step"},
      {"opt", "--opt", kOptimiser,
       "adamw, sgd (Nesterov), momentum, lamb, lion or muon, as timm's"},
      {"lr", "--lr", kOptimiser, "Learning rate at the top of the schedule"},
      {"lr_base", "--lr-base", kOptimiser, "Instead of --lr: for --lr-base-size images a step"},
      {"lr_base_size", "--lr-base-size", kOptimiser, "Images that --lr-base is for; 0: any"},
      {"weight_decay", "--weight-decay", kOptimiser, "Not of biases, norms, embeddings, tokens"},
      {"opt_eps", "--opt-eps", kOptimiser, "Epsilon; default: the optimiser's own"},
      {"opt_betas", "--opt-betas", kOptimiser, "Two betas; default: the optimiser's own"},
      {"momentum", "--momentum", kOptimiser, "Of sgd, momentum and muon"},
      {"layer_decay", "--layer-decay", kOptimiser, "Factor of the learning rate a layer down"},
      {"freeze_blocks", "--freeze-blocks", kOptimiser,
       "Leave the embedding and the first N blocks as they are; all of them: a linear probe"},
      {"clip_grad", "--clip-grad", kOptimiser, "Largest norm of the gradients; none: any"},
      {"sched", "--sched", kOptimiser, "cosine, linear, step or constant"},
      {"warmup_epochs", "--warmup-epochs", kOptimiser, "Default: 5 % of all steps"},
      {"warmup_steps", "--warmup-steps", kOptimiser, "Instead of --warmup-epochs"},
      {"warmup_lr", "--warmup-lr", kOptimiser, "Learning rate where warm-up begins"},
      {"min_lr", "--min-lr", kOptimiser, "Learning rate where the schedule ends"},
      {"decay_epochs", "--decay-epochs", kOptimiser, "--sched step: between two falls"},
      {"decay_rate", "--decay-rate", kOptimiser, "--sched step: factor of a fall"},
      {"amp", "--amp", kOptimiser, "bf16 or off: precision of matrix products"},
      {"aa", "--aa", kAugment,
       "rand-m9-mstd0.5-inc1, original, originalr, v0, v0r, 3a, augmix-m5, …; none"},
      {"three_augment", "--three-augment", kAugment, "Solarized, grey or blurred: as --aa 3a"},
      {"color_jitter", "--color-jitter", kAugment,
       "Brightness, contrast, saturation: one value or three; a fourth: hue. Not with other --aa"},
      {"color_jitter_prob", "--color-jitter-prob", kAugment, "Probability of it; default: always"},
      {"grayscale_prob", "--grayscale-prob", kAugment, "Probability of losing all colour"},
      {"gaussian_blur_prob", "--gaussian-blur-prob", kAugment, "Probability of a blur"},
      {"vflip", "--vflip", kAugment, "Probability of turning upside down"},
      {"smoothing", "--smoothing", kRegular, "Label smoothing"},
      {"bce", "--bce-loss,--bce", kRegular, "Binary cross-entropy: each class by itself"},
      {"bce_target_thresh", "--bce-target-thresh", kRegular, "Targets above it are 1, else 0"},
      {"bce_sum", "--bce-sum", kRegular, "Sum over the classes instead of their mean"},
      {"class_weights", "--class-weights", kRegular,
       "Of the classes in the loss: balanced, or a file with a number a line"},
      {"mixup", "--mixup", kRegular, "Alpha of Mixup; 0: none"},
      {"cutmix", "--cutmix", kRegular, "Alpha of CutMix; 0: none"},
      {"cutmix_minmax", "--cutmix-minmax", kRegular, "Shares of a side: the box's least and most"},
      {"mixup_prob", "--mixup-prob", kRegular, "Probability of mixing"},
      {"mixup_switch_prob", "--mixup-switch-prob", kRegular, "Of CutMix where both are on"},
      {"mixup_mode", "--mixup-mode", kRegular, "One draw a batch, pair or elem"},
      {"mixup_off_epoch", "--mixup-off-epoch", kRegular, "Do not mix from epoch N (from 0) on"},
      {"repeated_aug", "--aug-repeats,--repeated-aug", kAugment,
       "Show an image N times in an epoch, and fewer images"},
      {"drop", "--drop", kRegular, "Dropout"},
      {"drop_path", "--drop-path", kRegular, "Stochastic depth of the last block"},
      {"ema", "--ema", kRegular, "Decay of a moving average of the weights; none"},
      {"ema_warmup", "--model-ema-warmup,--ema-warmup", kRegular,
       "The average follows faster at first"},
      {"crop_mode", "--train-crop-mode,--crop-mode", kImages,
       "rrc, rkrc, rkrr, src, shift or none"},
      {"scale", "--scale", kImages, "Of the area cropped: low high"},
      {"ratio", "--ratio", kImages, "Of its sides: low high"},
      {"padding", "--padding", kImages, "--crop-mode shift: pixels"},
      {"train_interpolation", "--train-interpolation", kImages, "bilinear, bicubic, random, …"},
      {"hflip", "--hflip", kImages, "Probability of mirroring"},
      {"reprob", "--reprob", kImages, "Probability of random erasing"},
      {"remode", "--remode", kImages, "const, rand or pixel"},
      {"recount", "--recount", kImages, "At most this many regions"},
      {"mean", "--mean", kImages, "Of pixels in [0, 1]: one value a channel"},
      {"std", "--std", kImages, "Of pixels in [0, 1]: one value a channel"},
      {"crop_pct", "--crop-pct", kImages, "Evaluation: crop's share of the resized side"},
      {"labels", "--label", kImages, "Class names for the model file, in order"},
      {"workers", "--workers", kImages, "Loader threads"},
  };
  return table;
}

/// The last of a flag's names, which is ours.
std::string shown_name(const Flag& flag) {
  const std::string names = flag.flags;
  return names.substr(names.rfind(',') + 1);
}

double number(const std::string& flag, const std::string& text, bool whole) {
  double value = NAN;
  if (!CLI::detail::lexical_cast(text, value) || !std::isfinite(value) ||
      (whole && value != std::floor(value)))
    throw UsageError("{}: expected a {}number, found '{}'", flag, whole ? "whole " : "", text);
  return value;
}

template <class T>
Json parse(const std::string& flag, const std::vector<std::string>& words) {
  if constexpr (vit::detail::is_optional<T>) {
    // Turns off what a recipe turns on.
    if (words.size() == 1 && words[0] == "none") return nullptr;
    return parse<typename T::value_type>(flag, words);
  } else if constexpr (std::same_as<T, Size2d>) {
    Json sides = Json::array();
    for (const auto& word : words) sides.push_back(std::llround(number(flag, word, true)));
    return sides.size() == 1 ? sides[0] : sides;
  } else if constexpr (vit::detail::is_vector<T>) {
    Json values = Json::array();
    for (const auto& word : words) values.push_back(parse<typename T::value_type>(flag, {word}));
    return values;
  } else if constexpr (std::same_as<T, std::string>) {
    return words.back();
  } else if constexpr (std::integral<T>) {
    return std::llround(number(flag, words.back(), true));
  } else {
    return number(flag, words.back(), false);
  }
}

/// How a field that holds several values stands on the command line.
ListOption list_option(const Flag& flag, bool numbers) {
  constexpr std::size_t kMany = 1 << 20;
  if (numbers) return {flag.flags, ListOf::kNumbers, 1, kMany};
  const bool pairs = std::string_view(flag.field) == "model_args";
  return {flag.flags, pairs ? ListOf::kKeyValues : ListOf::kWords, 1, kMany};
}

template <class T>
void add(Command& command, const Flag& flag, Json& given) {
  const std::string name = flag.flags, shown = shown_name(flag), field = flag.field;
  const auto set = [&given, shown, field](const std::vector<std::string>& words) {
    given[field] = parse<T>(shown, words);
  };
  if constexpr (std::same_as<T, bool>) {
    command.app()
        .add_flag_callback(
            name, [&given, field] { given[field] = true; }, flag.help)
        ->group(flag.group);
  } else if constexpr (std::same_as<T, std::optional<Size2d>>) {
    command.lists()
        .add(command.app(), {name, ListOf::kNumbers, 1, 2}, set, flag.help)
        ->type_name("")
        ->group(flag.group);
  } else if constexpr (vit::detail::is_vector<T>) {
    const bool numbers = !std::same_as<T, std::vector<std::string>>;
    command.lists()
        .add(command.app(), list_option(flag, numbers), set, flag.help)
        ->type_name("")
        ->group(flag.group);
  } else if (field == "amp") {
    // Alone it is float16, as in timm.
    command.app()
        .add_option_function<std::string>(
            name, [set](const std::string& word) { set({word.empty() ? "fp16" : word}); },
            flag.help)
        ->expected(0, 1)
        ->type_name("")
        ->group(flag.group);
  } else {
    command.app()
        .add_option_function<std::string>(
            name, [set](const std::string& word) { set({word}); }, flag.help)
        ->type_name("")
        ->group(flag.group);
  }
}

}  // namespace

void add_train_flags(Command& command, Json& given) {
  train::TrainOptions options;
  std::map<std::string, std::function<void(const Flag&)>> makers;
  visit(options, [&](const char* name, auto& field) {
    using Field = std::remove_cvref_t<decltype(field)>;
    makers[name] = [&](const Flag& flag) { add<Field>(command, flag, given); };
  });
  for (const auto& flag : flags()) makers.at(flag.field)(flag);
}

train::TrainOptions resolve_options(const Json& given) {
  train::TrainOptions options;
  if (given.contains("recipe")) {
    auto recipe = train::find_recipe(given["recipe"].get<std::string>());
    if (given.contains("model"))
      recipe.erase("model_args");
    else if (recipe.contains("model_args") && given.contains("model_args"))
      options.model_args = recipe["model_args"].get<std::vector<std::string>>();
    fields_from_json(options, recipe, "recipe");
  }
  auto over = given;
  if (given.contains("model_args")) {
    auto args = options.model_args;
    for (const auto& text : given["model_args"]) args.push_back(text.get<std::string>());
    over["model_args"] = args;
  }
  fields_from_json(options, over, "command line");
  for (auto& label : options.labels) {
    if (label.empty()) throw UsageError("labels: expected class names, found an empty one");
    label = printable(label);
  }
  return options;
}

namespace {

/// A folder or file by another name is the same.
bool is_same_path(const Json& a, const Json& b) {
  if (!a.is_string() || !b.is_string()) return false;
  std::error_code none;
  return std::filesystem::equivalent(from_printable(a.get<std::string>()),
                                     from_printable(b.get<std::string>()), none);
}

/// Whether the run may go on with `asked` for its `stored`.
bool fits(const std::string& field, const Json& stored, const Json& asked, bool was_given) {
  if (stored == asked) return true;
  if (field == "model") return is_same_path(stored, asked);
  if (field == "epochs") return was_given && asked >= stored;
  // What a recipe says, made smaller for a small dataset when the run began.
  return field == "batch_size" && !was_given && stored < asked;
}

}  // namespace

train::TrainOptions resume_options(const train::TrainOptions& stored, const Json& given, Log& log) {
  auto options = stored;
  options.max_steps = 0;
  auto wanted = given;
  // A recipe or a model argument stands for other values: compare what they come to.
  const auto asked = train::options_to_json(resolve_options(given));
  const auto there = train::options_to_json(stored);
  const bool whole = given.contains("recipe") || given.contains("model_args");
  for (const auto& [field, value] : asked.items()) {
    const bool was_given = given.contains(field);
    if (!was_given && !whole) continue;
    if (train::may_change_on_resume(field)) continue;
    if (!fits(field, there[field], value, was_given))
      throw UsageError("{}: expected {} as in the run that is resumed, found {}", field,
                       there[field].dump(), value.dump());
    wanted.erase(field);
  }
  fields_from_json(options, wanted, "command line");
  const auto epochs = asked["epochs"].get<std::int64_t>();
  if (given.contains("epochs") && epochs != stored.epochs) {
    log.info("{} epochs instead of {}: the schedule follows the new number", epochs, stored.epochs);
    options.epochs = epochs;
  }
  return options;
}

std::string with_flag(const std::string& message) {
  const auto colon = message.find(": ");
  if (colon == std::string::npos) return message;
  const auto field = message.substr(0, colon);
  const auto rest = message.substr(colon);
  for (const auto* shared : {"device", "threads", "seed"})
    if (field == shared) return format("--{}{}", field, rest);
  for (const auto& flag : flags()) {
    if (field == flag.field) return shown_name(flag) + rest;
  }
  return message;
}

}  // namespace vit::tools
