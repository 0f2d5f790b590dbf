#include "options.h"

#include <filesystem>

#include "vit/core/text.h"
#include "vit/data/shards.h"
#include "vit/train/recipe.h"

namespace vit::tools {

void apply_timm_flags(const Arguments& arguments, Json& given) {
  constexpr double kTimmsDecay = 0.9998;
  if (arguments.model_ema && !given.contains("ema"))
    given["ema"] = arguments.model_ema_decay.value_or(kTimmsDecay);
  // --amp alone asks for float16. Without --amp the type says nothing, as in timm.
  if (arguments.amp_dtype == "bfloat16" && given.value("amp", "") == "fp16") given["amp"] = "bf16";
}

train::TrainOptions resolve_options(const Json& given) {
  train::TrainOptions options;
  if (given.contains("recipe")) {
    auto recipe = train::find_recipe(given["recipe"].get<std::string>());
    if (given.contains("model"))
      recipe.erase("model_args");
    else if (recipe.contains("model_args") && given.contains("model_args"))
      options.model_args(recipe["model_args"].get<std::vector<std::string>>());
    fields_from_json(options, recipe, "recipe");
    if (given.contains("epochs")) options.total_steps(0);
    if (given.contains("warmup_epochs")) options.schedule().warmup_steps(0);
  }
  if (given.contains("epochs") && given.value("total_steps", 0) > 0)
    throw UsageError("total_steps: expected one of `epochs` and `total_steps`");
  if (given.contains("warmup_epochs") && given.value("warmup_steps", 0) > 0)
    throw UsageError("warmup_steps: expected one of `warmup_epochs` and `warmup_steps`");
  auto over = given;
  if (given.contains("model_args")) {
    auto args = options.model_args();
    for (const auto& text : given["model_args"]) args.push_back(text.get<std::string>());
    over["model_args"] = args;
  }
  fields_from_json(options, over, "command line");
  for (auto& label : options.labels()) {
    if (label.empty()) throw UsageError("labels: expected class names, found an empty one");
    label = printable(label);
  }
  return options;
}

void check_given(const Json& given, const train::TrainOptions& options) {
  struct Need {
    const char* field;
    bool is_met;
    const char* expected;
  };
  data::DataOptions layout;
  layout.train_split = options.train_split();
  layout.val_split = options.val_split();
  const auto& distillation = options.distillation();
  const bool updates = options.lora().lora_rank() > 0, learns = !distillation.teacher().empty();
  for (const auto& [field, is_met, expected] : {
           Need{"lora_alpha", updates, "`lora_rank` too"},
           Need{"lora_targets", updates, "`lora_rank` too"},
           Need{"kd_distill_type", learns, "`teacher` too"},
           Need{"task_loss_weight", learns, "`teacher` too"},
           Need{"distill_loss_weight", learns, "`teacher` too"},
           Need{"kd_temperature", distillation.distillation() == "soft", "`distillation` soft too"},
           Need{"train_split", !data::names_shards(options.data(), layout),
                "`data` to have that half"},
           Need{"val_split", options.holdout() == 0, "no `holdout` beside it"},
       })
    if (given.contains(field) && !is_met) throw UsageError("{}: expected {}", field, expected);
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
  options.run().max_steps(0);
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
  if (given.contains("epochs") && stored.total_steps() > 0)
    throw UsageError("epochs: expected none, for the length of the run that is resumed is {} steps",
                     stored.total_steps());
  const auto epochs = asked["epochs"].get<std::int64_t>();
  if (given.contains("epochs") && epochs != stored.epochs()) {
    log.info("{} epochs instead of {}: the schedule follows the new number", epochs,
             stored.epochs());
    options.epochs(epochs);
  }
  return options;
}

}  // namespace vit::tools
