// vit-train: a Vision Transformer from images.
#include <c10/util/Exception.h>

#include <cmath>
#include <csignal>
#include <iostream>

#include "common/stop_signal.h"
#include "common/torch.h"
#include "options.h"
#include "plan.h"
#include "progress.h"
#include "vit/runtime/device.h"
#include "vit/runtime/memory.h"
#include "vit/train/trainer.h"

namespace vit::tools {
namespace {

constexpr auto kExamples =
    "Examples:\n"
    "  vit-train --data /usr/share/datasets/fashion-mnist --recipe fashion-mnist -o runs/fashion\n"
    "  vit-train --data images --model vit_tiny_patch16_224 --epochs 50 -o runs/scratch\n"
    "  vit-train --data images --model model.safetensors --lr 1e-4 -o runs/finetuned\n"
    "  vit-train --resume runs/scratch\n";

std::int64_t count_parameters(const VisionTransformer& model) {
  std::int64_t count = 0;
  for (const auto& parameter : model->parameters()) count += parameter.numel();
  return count;
}

void print_plan(const train::TrainOptions& options, const train::TrainSetup& setup,
                const train::RunSteps& steps) {
  const Json json{{"options", train::options_to_json(options)},
                  {"model", to_json(setup.config)},
                  {"parameters", count_parameters(setup.model)},
                  {"trained_parameters", train::count_trained(setup)},
                  {"train_images", setup.train_data->size()},
                  {"val_images", setup.val_data->size()},
                  {"steps_per_epoch", steps.per_epoch},
                  {"total_steps", steps.schedule.total_steps},
                  {"lr", steps.schedule.lr},
                  {"memory_bytes", std::llround(train::estimate_memory(options, setup))}};
  std::cout << json.dump(2) << '\n';
}

train::TrainSetup make_setup(const Plan& plan, const Arguments& arguments, Log& log) {
  const auto& options = plan.options;
  auto setup = plan.checkpoint ? train::prepare_resumed(
                                     options, plan.checkpoint->path / "model.safetensors", log)
                               : train::prepare(options, log);
  const auto classes = setup.train_data->classes().size();
  if (arguments.given.contains("labels") && options.labels().size() != classes)
    throw UsageError("labels: expected {} names, one a class, found {}", classes,
                     options.labels().size());
  return setup;
}

/// A dataset smaller than the default batch is one batch.
void fit_batch_size(train::TrainOptions& options, const Arguments& arguments,
                    const train::TrainSetup& setup, Log& log) {
  auto most = setup.train_data->size() / options.accum();
  if (options.mix().enabled()) most -= most % 2;  // mixed in pairs
  if (arguments.given.contains("batch_size") || options.batch_size() <= most || most < 1) return;
  log.info("batch size {} instead of {}: there are {} images to train on", most,
           options.batch_size(), setup.train_data->size());
  options.batch_size(most);
}

train::TrainCallbacks make_callbacks(Progress& progress) {
  train::TrainCallbacks callbacks;
  callbacks.step = [&](const train::StepReport& report) { progress.step(report); };
  callbacks.evaluation = [&](std::int64_t done, std::int64_t all) {
    progress.evaluation(done, all);
  };
  callbacks.epoch = [&](const train::EpochReport& report) { progress.epoch(report); };
  callbacks.stop = stop_signal;
  return callbacks;
}

void say_end(const train::TrainResult& result, const train::TrainOptions& options, Log& log) {
  const auto& state = result.state;
  if (result.stop != 0)
    log.info("stopped at step {}; --resume {} goes on", state.step, options.run().output());
  else if (!result.finished)
    log.info("ended at step {}, as --max-steps says; --resume {} goes on", state.step,
             options.run().output());
  if (result.stop == 0 && state.best_top1)
    log.info("best {} {} % after epoch {}: {}/best.safetensors",
             options.labels_csv().empty() ? "top-1" : "mAP", *state.best_top1, state.best_epoch,
             options.run().output());
}

int fit(Plan& plan, train::TrainSetup setup, const Arguments& arguments, Command& command) {
  auto& log = command.log();
  const auto& options = plan.options;
  Progress progress(log, command.quiet());
  train::Trainer trainer(options, std::move(setup), log, make_callbacks(progress));
  take_folder(plan);  // not before everything that can be wrong was looked at
  if (plan.checkpoint) {
    try {
      trainer.resume(plan.checkpoint->path, {arguments.allow_dataset_change, plan.branches});
    } catch (const train::DatasetChanged& error) {
      throw DataError("{} (--allow-dataset-change goes on)", error.what());
    }
    log.info("resumed from {}", plan.checkpoint->path.string());
  }
  const auto before = trainer.state().step;
  const auto result = trainer.fit();
  if (result.state.step == before && result.stop == 0)
    log.info("nothing left to train at step {}", before);
  say_end(result, options, log);
  return result.stop != 0 ? 128 + result.stop : 0;
}

int train_run(Plan& plan, train::TrainSetup setup, const Arguments& arguments, Command& command) {
  auto& log = command.log();
  const auto& options = plan.options;
  const auto parameters = count_parameters(setup.model), trained = train::count_trained(setup);
  log.info("{} parameters{}, {} classes, {} images to train on, {} to validate on", parameters,
           trained == parameters ? "" : format(", {} trained", trained), setup.config.labels.size(),
           setup.train_data->size(), setup.val_data->size());
  log.debug("device {}, {} threads, {} loader workers, {}", options.run().device(),
            options.run().threads(),
            train::loader_workers(options.run(), options.run().device() == "cpu"),
            options.amp() == "off" ? "float32" : options.amp() + " products");
  catch_stop_signals();
  try {
    return fit(plan, std::move(setup), arguments, command);
  } catch (const c10::OutOfMemoryError& error) {
    throw UsageError("not enough memory on {} (a smaller --batch-size needs less): {}",
                     options.run().device(), error.what_without_backtrace());
  }
}

int run(const Arguments& arguments, Command& command) {
  // A log that nobody reads any more does not end the run.
  if (!arguments.dry_run) std::signal(SIGPIPE, SIG_IGN);
  auto plan = make_plan(arguments, command);
  runtime::set_threads(static_cast<int>(plan.options.run().threads()));
  auto setup = make_setup(plan, arguments, command.log());
  fit_batch_size(plan.options, arguments, setup, command.log());
  const auto steps = train::plan_steps(plan.options, setup);
  if (!arguments.dry_run) return train_run(plan, std::move(setup), arguments, command);
  print_plan(plan.options, setup, steps);
  return 0;
}

}  // namespace
}  // namespace vit::tools

int main(int argc, char** argv) {
  vit::runtime::keep_freed_memory();
  vit::tools::Command command("vit-train", "Trains a Vision Transformer on images.",
                              vit::tools::kExamples);
  vit::tools::explain_libtorch(command);
  vit::train::TrainOptions defaults;
  vit::tools::Arguments arguments;
  command.flags().add(defaults, &arguments.given);
  command.flags().add(arguments);
  vit::tools::Command::end(
      command.run(argc, argv, [&] { return vit::tools::run(arguments, command); }));
}
