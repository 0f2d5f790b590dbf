// vit-train: a Vision Transformer from pictures.
#include <iostream>

#include "common/stop_signal.h"
#include "flags.h"
#include "progress.h"
#include "run_folder.h"
#include "vit/runtime/device.h"
#include "vit/train/trainer.h"

namespace vit::tools {
namespace {

constexpr auto kExamples =
    "Examples:\n"
    "  vit-train --data /usr/share/datasets/fashion-mnist --recipe fashion-mnist -o runs/fashion\n"
    "  vit-train --data pictures --model vit_tiny_patch16_224 --epochs 50 -o runs/scratch\n"
    "  vit-train --data pictures --model model.safetensors --lr 1e-4 -o runs/finetuned\n"
    "  vit-train --resume runs/scratch\n";

struct Arguments {
  Json given = Json::object();
  bool resume = false;
  std::string resume_from;  ///< empty, auto or a run folder
  bool force = false;
  bool dry_run = false;
};

void add_options(Command& command, Arguments& arguments) {
  auto& app = command.app();
  add_train_flags(command, arguments.given);
  app.add_option_function<std::string>(
         "--resume",
         [&](const std::string& from) {
           arguments.resume = true;
           arguments.resume_from = from;
         },
         "Go on from the newest checkpoint that verifies: of -o, or of DIR; auto: start afresh "
         "where there is none")
      ->expected(0, 1)
      ->type_name("[auto|DIR]")
      ->group("Run folder");
  app.add_flag("--force", arguments.force, "Replace the run in -o")->group("Run folder");
  app.add_flag("--dry-run", arguments.dry_run,
               "Print the configuration, the model's size and the memory it needs; train nothing")
      ->group("Run folder");
}

/// Options, and the checkpoint to go on from.
struct Plan {
  train::TrainOptions options;
  std::optional<train::Checkpoint> checkpoint;
};

Plan make_plan(Arguments& arguments, Command& command) {
  auto& given = arguments.given;
  const bool automatic = arguments.resume_from == "auto";
  if (arguments.resume && !automatic && !arguments.resume_from.empty()) {
    if (given.contains("output") && given["output"] != arguments.resume_from)
      throw UsageError("--resume {}: expected the folder of -o, {}", arguments.resume_from,
                       given["output"].get<std::string>());
    given["output"] = arguments.resume_from;
  }
  const auto folder = given.value("output", "");
  Plan plan;
  if (arguments.resume) {
    if (folder.empty()) throw UsageError("--resume: expected a run folder, by -o or after it");
    plan.checkpoint = automatic ? train::find_checkpoint(folder + "/checkpoints", command.log())
                                : need_checkpoint(folder, command.log());
  }
  // A resumed run keeps its threads and device unless told otherwise: others give other last bits.
  const auto was_given = [&](const char* flag) { return command.app().count(flag) > 0; };
  if (!plan.checkpoint || was_given("--threads")) given["threads"] = command.threads();
  if (!plan.checkpoint || was_given("--device")) given["device"] = command.device().str();
  if (!plan.checkpoint || was_given("--seed")) given["seed"] = command.seed();
  plan.options =
      plan.checkpoint ? resume_options(read_args(folder), given) : resolve_options(given);
  train::check_options(plan.options);
  if (!plan.checkpoint && !arguments.dry_run && !arguments.force && !arguments.resume)
    check_run_folder(plan.options.output);
  return plan;
}

std::int64_t count_parameters(const VisionTransformer& model) {
  std::int64_t count = 0;
  for (const auto& parameter : model->parameters()) count += parameter.numel();
  return count;
}

void print_plan(const train::TrainOptions& options, const train::TrainSetup& setup) {
  const Json json{{"options", fields_to_json(options)},
                  {"model", to_json(setup.config)},
                  {"parameters", count_parameters(setup.model)},
                  {"train_images", setup.train_data->size()},
                  {"val_images", setup.val_data->size()},
                  {"memory_bytes", train::estimate_memory(options, setup.model)}};
  std::cout << json.dump(2) << '\n';
}

int run(Arguments& arguments, Command& command) {
  auto& log = command.log();
  auto plan = make_plan(arguments, command);
  auto& options = plan.options;
  runtime::set_threads(static_cast<int>(options.threads));
  auto setup = train::prepare(options, log);
  if (arguments.dry_run) {
    print_plan(options, setup);
    return 0;
  }
  const auto summary =
      format("{} parameters, {} classes, {} pictures to train on, {} to validate on",
             count_parameters(setup.model), setup.config.labels.size(), setup.train_data->size(),
             setup.val_data->size());
  catch_stop_signals();
  Progress progress(log, command.quiet());
  train::TrainCallbacks callbacks;
  callbacks.step = [&](const train::StepReport& report) { progress.step(report); };
  callbacks.evaluation = [&](std::int64_t done, std::int64_t all) {
    progress.evaluation(done, all);
  };
  callbacks.epoch = [&](const train::EpochReport& report) { progress.epoch(report); };
  callbacks.stop = stop_signal;
  train::Trainer trainer(options, std::move(setup), log, callbacks);
  log.info("{}", summary);
  if (plan.checkpoint) {
    trainer.resume(plan.checkpoint->path);
    log.info("resumed from {}", plan.checkpoint->path.string());
  } else {
    clear_run_folder(options.output);  // not before everything that can be wrong was looked at
  }
  const auto result = trainer.fit();
  if (result.stop != 0) {
    log.info("stopped at step {}; --resume {} goes on", result.state.step, options.output);
    return 128 + result.stop;
  }
  if (result.state.best_top1)
    log.info("best top-1 {} % after epoch {}: {}/best.safetensors", *result.state.best_top1,
             result.state.best_epoch, options.output);
  return 0;
}

}  // namespace
}  // namespace vit::tools

int main(int argc, char** argv) {
  vit::tools::Command command("vit-train", "Trains a Vision Transformer on pictures.",
                              vit::tools::kExamples);
  vit::tools::Arguments arguments;
  vit::tools::add_options(command, arguments);
  vit::tools::Command::end(
      command.run(argc, argv, [&] { return vit::tools::run(arguments, command); }));
}
