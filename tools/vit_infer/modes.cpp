#include "modes.h"

#include <cmath>
#include <filesystem>

#include "common/stop_signal.h"
#include "progress.h"
#include "run_files.h"
#include "setup.h"
#include "vit/core/error.h"
#include "vit/core/text.h"
#include "vit/data/class_map.h"
#include "vit/data/evaluate.h"
#include "vit/infer/benchmark.h"
#include "vit/infer/class_mapping.h"
#include "vit/pipeline/validate.h"

namespace vit::tools {

namespace {

infer::ClassMapping map_dataset(Command& command, const InferOptions& options,
                                const pipeline::ValidationData& data, const ModelConfig& config) {
  infer::ClassMappingOptions mapping;
  mapping.by_index = data.by_index;
  mapping.by_order = options.class_order;
  const bool has_map = !options.class_map.empty() && !data.by_images;
  if (data.by_index && (options.class_order || has_map))
    throw UsageError("{}: expected class folders; the labels of IDX files and shards are numbers",
                     options.class_order ? "--class-order" : "--class-map");
  if (has_map) mapping.class_map = data::read_class_map(options.class_map);
  try {
    return infer::map_classes(data.dataset->classes(), config, mapping, &command.log());
  } catch (const DataError& error) {
    if (data.by_index || options.class_order || !options.class_map.empty()) throw;
    throw DataError("{}; --class-map FILE names the folders, --class-order goes by their order",
                    error.what());
  }
}

}  // namespace

int run_validation(Command& command, const InferOptions& options) {
  if (shard_from_environment().world_size > 1)
    throw UsageError("--validate: expected one process, found WORLD_SIZE {}",
                     shard_from_environment().world_size);
  RunFiles files(options);
  files.writes_report(options.output);
  if (!options.confusion.empty()) files.writes_report(options.confusion);
  const auto predictor = open_predictor(command, options);
  const auto& config = predictor.config();
  auto& log = command.log();
  const auto data = options.labels_csv.empty()
                        ? pipeline::open_validation_data(options.inputs, config.model.in_c(),
                                                         options.class_map, &log)
                        : pipeline::open_labelled_validation_data(
                              options.inputs, options.labels_csv, config.model.in_c(), &log);
  files.reads(*data.dataset);
  if (data.dataset->left_out() > 0)
    log.warning("{}: {}", printable(options.inputs[0]),
                data::describe_left_out(
                    *data.dataset, data.by_images ? options.class_map : std::filesystem::path()));
  auto mapping = map_dataset(command, options, data, config);
  log.debug("{} images; the classes are met {}", data.dataset->size(), mapping.how);
  auto settings = loader_options(command, options, predictor);
  data::EvaluateOptions evaluation;
  evaluation.num_classes = predictor.num_classes();
  evaluation.confusion = !options.confusion.empty();
  evaluation.multi_label = data.dataset->is_multi_label();
  evaluation.skip_errors = options.on_error == "skip";
  InferProgress progress(log, command.quiet(), data.dataset->size());
  evaluation.progress = [&](std::int64_t done) { progress.show(done); };
  data::Loader loader(data::dataset_samples(
                          data.dataset, [&]() -> const auto& { return predictor.transform(); },
                          std::move(mapping.classes)),
                      settings);
  const auto result = data::evaluate(
      loader, [&](const Array& images) { return predictor.predict(images); }, evaluation);
  if (result.stopped) return exit_code(true, 0);
  if (options.profile) report_profile(command, result.times);
  const auto& labels = mapping.labels;
  if (evaluation.confusion)
    write_report(options.confusion, pipeline::confusion_csv(result.metrics, labels));
  write_report(options.output, options.format == "json"
                                   ? pipeline::validation_json(result, labels).dump() + "\n"
                                   : pipeline::validation_text(result, labels));
  const double loss = result.multi_label ? result.multi_label->loss() : result.metrics.loss();
  if (!std::isfinite(loss))
    throw DataError("{}: expected finite logits, found a loss that is not finite",
                    options.model.string());
  return exit_code(false, result.failed);
}

int run_benchmark(Command& command, const InferOptions& options) {
  RunFiles files(options);
  files.writes_report(options.output);
  if (!options.trace.empty()) files.writes_report(options.trace);
  const auto predictor = open_predictor(command, options);
  for (const auto& step : predictor.steps()) command.log().debug("{}", engine::step_text(step));
  catch_stop_signals();
  infer::BenchmarkOptions settings;
  settings.profile = options.profile || !options.trace.empty();
  settings.batch_size = options.batch_size;
  settings.seed = command.seed();
  settings.stopping = [] { return stop_signal() != 0; };
  auto result = infer::benchmark(predictor, settings);
  if (stop_signal() != 0) return exit_code(true, 0);
  if (!options.trace.empty()) write_report(options.trace, engine::chrome_trace(*result.profile));
  if (!options.profile) result.profile.reset();
  write_report(options.output,
               options.format == "json" ? result.to_json().dump() + "\n" : result.to_text());
  return 0;
}

}  // namespace vit::tools
