#include <algorithm>
#include <optional>

#include "modes.h"
#include "progress.h"
#include "run_files.h"
#include "setup.h"
#include "vit/core/contains.h"
#include "vit/core/error.h"
#include "vit/core/text.h"
#include "vit/pipeline/answer.h"

namespace vit::tools {
namespace {

constexpr std::int64_t kTopK = 5;

pipeline::AnswerOptions answer_options(const InferOptions& options,
                                       const infer::Predictor& predictor) {
  pipeline::AnswerOptions answers;
  if (options.preprocess_only) {
    answers.output = pipeline::AnswerOptions::kInputs;
  } else if (!options.features.empty()) {
    answers.output = pipeline::AnswerOptions::kFeatures;
    answers.features = infer::parse_feature_kind(options.features);
  } else if (options.format == "npy") {
    answers.output = pipeline::AnswerOptions::kLogits;
  } else if (predictor.num_classes() == 0) {
    throw UsageError(
        "--format {}: the model has no head (num_classes 0), so no classes: expected npy",
        options.format.empty() ? "text" : options.format);
  }
  if (answers.output == pipeline::AnswerOptions::kPredictions &&
      predictor.output_shape().size() > 1)
    throw UsageError("the model does not pool its tokens (global_pool ''): expected --format npy");
  const auto classes = std::max<std::int64_t>(predictor.num_classes(), 1);
  answers.classes.k = std::min(options.topk.value_or(options.threshold ? classes : kTopK), classes);
  answers.classes.sigmoid = options.activation == "sigmoid";
  answers.classes.threshold = options.threshold;
  answers.attention = infer::parse_attention_method(options.attention_method);
  answers.skip_errors = options.on_error == "skip";
  return answers;
}

pipeline::RowOptions row_options(const InferOptions& options,
                                 const pipeline::AnswerOptions& answers,
                                 const infer::Predictor& predictor) {
  pipeline::RowOptions rows;
  rows.labels = predictor.config().labels;
  rows.columns = answers.classes.k;
  rows.error_column = answers.skip_errors;
  rows.attention_column = !options.attention.empty();
  if (answers.output == pipeline::AnswerOptions::kPredictions) {
    rows.format = pipeline::parse_row_format(options.format.empty() ? "text" : options.format);
    return rows;
  }
  rows.format = pipeline::RowFormat::kNpy;
  const auto [c, h, w] = predictor.input_shape();
  if (answers.output == pipeline::AnswerOptions::kInputs)
    rows.value_shape = {c, h, w};
  else if (answers.output == pipeline::AnswerOptions::kFeatures)
    rows.value_shape = predictor.feature_shape(answers.features);
  else
    rows.value_shape = predictor.output_shape();
  return rows;
}

/// The inputs of this process.
std::unique_ptr<data::SampleSource> open_shard(const InferOptions& options, const Shard& shard,
                                               const infer::Predictor& predictor,
                                               RunFiles& run_files) {
  pipeline::FileInputOptions files;
  files.shape = predictor.input_shape();
  files.transform = [&]() -> const auto& { return predictor.transform(); };
  files.null_separated = options.null_separated;
  run_files.watch(files);
  if (!options.every.empty()) files.every = pipeline::parse_frame_interval(options.every);
  auto inputs = pipeline::open_inputs(options.inputs, files);
  if (shard.world_size == 1) return inputs;
  if (contains(options.inputs, std::string("-")))
    throw UsageError("-: standard input cannot be shared by {} processes", shard.world_size);
  const auto count = pipeline::count_inputs(*inputs);
  const auto [begin, end] =
      pipeline::shard_range(count, options.batch_size, shard.rank, shard.world_size);
  return pipeline::slice_inputs(pipeline::open_inputs(options.inputs, files), begin, end);
}

std::optional<report::Gallery> open_gallery(const InferOptions& options, const Shard& shard,
                                            const infer::Predictor& predictor) {
  if (options.html.empty()) return std::nullopt;
  const auto& config = predictor.config();
  const auto [c, h, w] = predictor.input_shape();
  return std::make_optional<report::Gallery>(
      shard.name(options.html), printable(options.model.filename().string()),
      std::vector<std::pair<std::string, std::string>>{
          {"architecture", config.architecture.empty() ? "unnamed" : config.architecture},
          {"input", format("{} × {} × {}", c, h, w)},
          {"classes", std::to_string(predictor.num_classes())},
          {"attention", options.attention_method}});
}

std::optional<pipeline::AnnotatedVideo> open_annotated(const InferOptions& options) {
  if (options.annotate.empty()) return std::nullopt;
  return std::make_optional<pipeline::AnnotatedVideo>(
      options.inputs[0],
      options.every.empty() ? pipeline::FrameInterval()
                            : pipeline::parse_frame_interval(options.every),
      options.annotate);
}

}  // namespace

int run_rows(Command& command, const InferOptions& options) {
  const auto shard = shard_from_environment();
  const bool array = options.preprocess_only || !options.features.empty();
  const auto row_format = pipeline::parse_row_format(array                    ? "npy"
                                                     : options.format.empty() ? "text"
                                                                              : options.format);
  RunFiles files(options);
  files.writes_rows(shard.name(options.output), row_format);
  if (!options.html.empty()) files.writes_report(shard.name(options.html));
  if (!options.annotate.empty()) files.writes_report(options.annotate);
  const auto predictor = open_predictor(command, options);
  auto answers = answer_options(options, predictor);
  const bool classes = answers.output == pipeline::AnswerOptions::kPredictions;
  pipeline::RowOutput rows(pipeline::RowEncoder(row_options(options, answers, predictor)),
                           {shard.name(options.output), options.force, options.resume,
                            files.record(shard, predictor, classes ? answers.classes.k : 0)});
  // Whole batches again, so that every row has the bits that a run without a break gives it.
  const auto first = rows.rows_done() / options.batch_size * options.batch_size;
  answers.skip_rows = rows.rows_done() - first;
  std::optional<pipeline::OverlayFolder> overlays;
  if (!options.attention.empty())
    overlays.emplace(options.attention, options.force || options.resume, &files.overlay_roles());
  auto gallery = open_gallery(options, shard, predictor);
  auto video = open_annotated(options);

  const auto settings = loader_options(command, options, predictor);
  InferProgress progress(command.log(), command.quiet(), 0);
  answers.progress = [&](std::int64_t done) { progress.show(done); };
  auto inputs = pipeline::check_inputs(open_shard(options, shard, predictor, files),
                                       rows.rows_done(), rows.check_of_rows_done());
  data::Loader loader(pipeline::slice_inputs(std::move(inputs), first, INT64_MAX), settings);
  const auto result = pipeline::answer(predictor, loader, answers,
                                       {rows, overlays ? &*overlays : nullptr,
                                        gallery ? &*gallery : nullptr, video ? &*video : nullptr});
  if (options.profile) report_profile(command, result.times);
  if (result.stopped) {
    // A file waits for --resume as it is; what goes elsewhere is ended as it should be.
    if (!rows.resumable()) rows.finish();
    return exit_code(true, 0);
  }
  rows.finish();
  if (gallery) gallery->commit();
  if (video) video->commit();
  if (result.failed > 0)
    command.log().warning("{} of {} inputs failed, the first: {}", result.failed,
                          result.times.inputs, result.first_error);
  return exit_code(false, result.failed);
}

}  // namespace vit::tools
