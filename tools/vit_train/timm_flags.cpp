#include "timm_flags.h"

#include "vit/core/error.h"

namespace vit::tools {
namespace {

constexpr auto kGroup = "timm's train.py";

/// timm's `--amp-dtype` in our words.
std::string precision(const std::string& dtype) {
  if (dtype == "bfloat16") return "bf16";
  if (dtype == "float16") return "fp16";
  throw UsageError("--amp-dtype: expected bfloat16 or float16, found '{}'", dtype);
}

}  // namespace

void add_timm_flags(Command& command, TimmFlags& flags) {
  auto& app = command.app();
  app.add_flag("--model-ema", flags.model_ema, "--ema with --model-ema-decay")->group(kGroup);
  app.add_option("--model-ema-decay", flags.model_ema_decay,
                 "With --model-ema; default: 0.9998, as in timm")
      ->type_name("")
      ->group(kGroup);
  app.add_option("--amp-dtype", flags.amp_dtype, "With --amp: bfloat16 or float16")
      ->type_name("")
      ->group(kGroup);
}

void apply_timm_flags(const TimmFlags& flags, Json& given) {
  constexpr double kTimmsDecay = 0.9998;
  if (flags.model_ema && !given.contains("ema"))
    given["ema"] = flags.model_ema_decay.value_or(kTimmsDecay);
  if (flags.amp_dtype.empty()) return;
  const auto wanted = precision(flags.amp_dtype);
  // Without --amp it says nothing, as in timm.
  if (given.contains("amp") && given["amp"] == "fp16") given["amp"] = wanted;
}

}  // namespace vit::tools
