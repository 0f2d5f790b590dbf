#include "modes.h"

#include "common/stop_signal.h"
#include "progress.h"
#include "run_files.h"
#include "setup.h"
#include "vit/core/error.h"
#include "vit/infer/benchmark.h"
#include "vit/infer/validate.h"

namespace vit::tools {

int run_validation(Command& command, const InferOptions& options) {
  if (shard_from_environment().world_size > 1)
    throw UsageError("--validate: expected one process, found WORLD_SIZE {}",
                     shard_from_environment().world_size);
  RunFiles files(options);
  files.writes_report(options.output);
  if (!options.confusion.empty()) files.writes_report(options.confusion);
  const auto predictor = open_predictor(command, options);
  const auto& config = predictor.config();
  const auto data = infer::open_validation_data(options.inputs, config.model.in_c());
  files.reads(*data);
  auto classes = infer::map_classes(data->classes(), config, &command.log());
  auto settings = pipeline_options(command, options, predictor);
  infer::ValidateOptions validation;
  validation.confusion = !options.confusion.empty();
  validation.skip_errors = options.on_error == "skip";
  validation.stopping = settings.stopping;
  InferProgress progress(command.log(), command.quiet(), data->size());
  validation.progress = [&](std::int64_t done) { progress.show(done); };
  infer::Pipeline pipeline(
      infer::open_dataset_inputs(
          data, [&]() -> const auto& { return predictor.transform(); }, std::move(classes)),
      settings);
  const auto result = infer::validate(predictor, pipeline, validation);
  if (result.stopped) return exit_code(true, 0);
  if (options.profile) report_profile(command, result.profile);
  if (validation.confusion)
    write_report(options.confusion, infer::confusion_csv(result.metrics, config.labels));
  write_report(options.output, options.format == "json"
                                   ? infer::validation_json(result, config.labels).dump() + "\n"
                                   : infer::validation_text(result, config.labels));
  return exit_code(false, result.failed);
}

int run_benchmark(Command& command, const InferOptions& options) {
  RunFiles files(options);
  files.writes_report(options.output);
  const auto predictor = open_predictor(command, options);
  catch_stop_signals();
  infer::BenchmarkOptions settings;
  settings.batch_size = options.batch_size;
  settings.seed = command.seed();
  settings.stopping = [] { return stop_signal() != 0; };
  const auto result = infer::benchmark(predictor, settings);
  if (stop_signal() != 0) return exit_code(true, 0);
  write_report(options.output,
               options.format == "json" ? result.to_json().dump() + "\n" : result.to_text());
  return 0;
}

}  // namespace vit::tools
