// What a command line of vit-train says, and the training options that it comes to.
#pragma once

#include <optional>
#include <string>

#include "vit/core/json.h"
#include "vit/core/log.h"
#include "vit/core/visit.h"
#include "vit/train/train_options.h"

namespace vit::tools {

/// Everything but the training options themselves.
struct Arguments {
  Json given = Json::object();        ///< training options, by the fields of TrainOptions
  std::optional<std::string> resume;  ///< null: not; empty, auto or a run folder
  bool allow_dataset_change = false;
  bool force = false;
  bool dry_run = false;
  std::string config;  ///< a timm run's args.yaml
  // timm's flags whose meaning is not that of one of ours.
  bool model_ema = false;
  std::optional<double> model_ema_decay;
  std::string amp_dtype;
};

template <class Visitor>
void visit(Arguments& a, Visitor&& v) {
  auto run = in_group("Run folder", v);
  run("resume", a.resume,
      Field{.help =
                "Go on from the newest checkpoint that verifies, of -o or of DIR: on a CPU, bit "
                "for bit. auto: start afresh where there is none. A checkpoint's own folder: go on "
                "from that one, with -o as another run. Deletes nothing",
            .value = "[auto|DIR]",
            .alone = ""});
  run("allow_dataset_change", a.allow_dataset_change,
      Field{.help = "Resume although images were added, removed or changed"});
  run("force", a.force,
      Field{.help = "Replace the run in -o; what no run wrote there is left alone"});
  run("dry_run", a.dry_run,
      Field{.help = "Print the configuration, the model's size and the memory it needs; train "
                    "nothing, write nothing (-o may be left out)"});
  auto timm = in_group("timm's train.py", v);
  timm("config", a.config,
       Field{.help = "args.yaml of a run of timm's train.py: its values, in timm's meaning; each "
                     "flag still overrides",
             .flag = "-c,--config",
             .value = "FILE"});
  timm("model_ema", a.model_ema, Field{.help = "--ema with --model-ema-decay"});
  timm("model_ema_decay", a.model_ema_decay,
       Field{.help = "With --model-ema; default: 0.9998, as in timm",
             .low = 0,
             .high = 1,
             .below_high = true});
  timm("amp_dtype", a.amp_dtype,
       Field{.help = "With --amp: bfloat16 or float16", .names = {"bfloat16", "float16"}});
}

/// Writes what timm's own flags come to into `given`, by the fields of TrainOptions; our flags win.
void apply_timm_flags(const Arguments& arguments, Json& given);

/// Defaults, over them the recipe, over it what was given. A model that was given takes the place
/// of the recipe's model and its arguments. Throws UsageError.
train::TrainOptions resolve_options(const Json& given);

/// Throws UsageError for a flag of `given` that means nothing beside the other `options`. What a
/// file gives is not asked: timm's has every option.
void check_given(const Json& given, const train::TrainOptions& options);

/// The options of the run that is resumed, over them what was given; `epochs` may be more, which is
/// said in `log`. Throws UsageError where a value differs that would change the run, naming the
/// field and both values.
train::TrainOptions resume_options(const train::TrainOptions& stored, const Json& given, Log& log);

}  // namespace vit::tools
