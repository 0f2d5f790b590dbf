#include <algorithm>
#include <optional>

#include "modes.h"
#include "progress.h"
#include "run_files.h"
#include "setup.h"
#include "vit/core/contains.h"
#include "vit/core/error.h"
#include "vit/core/text.h"
#include "vit/infer/answer.h"

namespace vit::tools {
namespace {

infer::AnswerOptions answer_options(const InferOptions& options,
                                    const infer::Predictor& predictor) {
  infer::AnswerOptions answers;
  if (options.preprocess_only) {
    answers.output = infer::AnswerOptions::kInputs;
  } else if (!options.features.empty()) {
    answers.output = infer::AnswerOptions::kFeatures;
    answers.features = infer::parse_feature_kind(options.features);
  } else if (options.format == "npy") {
    answers.output = infer::AnswerOptions::kLogits;
  } else if (predictor.num_classes() == 0) {
    throw UsageError(
        "--format {}: the model has no head (num_classes 0), so no classes: expected npy",
        options.format.empty() ? "text" : options.format);
  }
  if (answers.output == infer::AnswerOptions::kPredictions && predictor.output_shape().size() > 1)
    throw UsageError("the model does not pool its tokens (global_pool ''): expected --format npy");
  answers.topk = std::min(options.topk, std::max<std::int64_t>(predictor.num_classes(), 1));
  answers.attention = infer::parse_attention_method(options.attention_method);
  answers.skip_errors = options.on_error == "skip";
  return answers;
}

infer::RowOptions row_options(const InferOptions& options, const infer::AnswerOptions& answers,
                              const infer::Predictor& predictor) {
  infer::RowOptions rows;
  rows.labels = predictor.config().labels;
  rows.columns = answers.topk;
  rows.error_column = answers.skip_errors;
  rows.attention_column = !options.attention.empty();
  if (answers.output == infer::AnswerOptions::kPredictions) {
    rows.format = infer::parse_row_format(options.format.empty() ? "text" : options.format);
    return rows;
  }
  rows.format = infer::RowFormat::kNpy;
  const auto [c, h, w] = predictor.input_shape();
  if (answers.output == infer::AnswerOptions::kInputs)
    rows.value_shape = {c, h, w};
  else if (answers.output == infer::AnswerOptions::kFeatures)
    rows.value_shape = predictor.feature_shape(answers.features);
  else
    rows.value_shape = predictor.output_shape();
  return rows;
}

/// The inputs of this process.
std::unique_ptr<infer::InputSource> open_shard(const InferOptions& options, const Shard& shard,
                                               const infer::Predictor& predictor,
                                               RunFiles& run_files) {
  infer::FileInputOptions files;
  files.shape = predictor.input_shape();
  files.transform = [&]() -> const auto& { return predictor.transform(); };
  files.null_separated = options.null_separated;
  run_files.watch(files);
  if (!options.every.empty()) files.every = infer::parse_frame_interval(options.every);
  auto inputs = infer::open_inputs(options.inputs, files);
  if (shard.world_size == 1) return inputs;
  if (contains(options.inputs, std::string("-")))
    throw UsageError("-: standard input cannot be shared by {} processes", shard.world_size);
  const auto count = infer::count_inputs(*inputs);
  const auto [begin, end] =
      infer::shard_range(count, options.batch_size, shard.rank, shard.world_size);
  return infer::slice_inputs(infer::open_inputs(options.inputs, files), begin, end);
}

std::optional<io::Gallery> open_gallery(const InferOptions& options, const Shard& shard,
                                        const infer::Predictor& predictor) {
  if (options.html.empty()) return std::nullopt;
  const auto& config = predictor.config();
  const auto [c, h, w] = predictor.input_shape();
  return std::make_optional<io::Gallery>(
      shard.name(options.html), printable(options.model.filename().string()),
      std::vector<std::pair<std::string, std::string>>{
          {"architecture", config.architecture.empty() ? "unnamed" : config.architecture},
          {"input", format("{} × {} × {}", c, h, w)},
          {"classes", std::to_string(predictor.num_classes())},
          {"attention", options.attention_method}});
}

std::optional<infer::AnnotatedVideo> open_annotated(const InferOptions& options) {
  if (options.annotate.empty()) return std::nullopt;
  return std::make_optional<infer::AnnotatedVideo>(
      options.inputs[0],
      options.every.empty() ? infer::FrameInterval() : infer::parse_frame_interval(options.every),
      options.annotate);
}

}  // namespace

int run_rows(Command& command, const InferOptions& options) {
  const auto shard = shard_from_environment();
  const bool array = options.preprocess_only || !options.features.empty();
  const auto row_format = infer::parse_row_format(array                    ? "npy"
                                                  : options.format.empty() ? "text"
                                                                           : options.format);
  RunFiles files(options);
  files.writes_rows(shard.name(options.output), row_format);
  if (!options.html.empty()) files.writes_report(shard.name(options.html));
  if (!options.annotate.empty()) files.writes_report(options.annotate);
  const auto predictor = open_predictor(command, options);
  auto answers = answer_options(options, predictor);
  const bool classes = answers.output == infer::AnswerOptions::kPredictions;
  infer::RowOutput rows(infer::RowEncoder(row_options(options, answers, predictor)),
                        {shard.name(options.output), options.force, options.resume,
                         files.record(shard, predictor, classes ? answers.topk : 0)});
  // Whole batches again, so that every row has the bits that a run without a break gives it.
  const auto first = rows.rows_done() / options.batch_size * options.batch_size;
  answers.skip_rows = rows.rows_done() - first;
  std::optional<infer::OverlayFolder> overlays;
  if (!options.attention.empty())
    overlays.emplace(options.attention, options.force || options.resume, &files.overlay_roles());
  auto gallery = open_gallery(options, shard, predictor);
  auto video = open_annotated(options);

  const auto settings = pipeline_options(command, options, predictor);
  answers.stopping = settings.stopping;
  InferProgress progress(command.log(), command.quiet(), 0);
  answers.progress = [&](std::int64_t done) { progress.show(done); };
  auto inputs = infer::check_inputs(open_shard(options, shard, predictor, files), rows.rows_done(),
                                    rows.check_of_rows_done());
  infer::Pipeline pipeline(infer::slice_inputs(std::move(inputs), first, INT64_MAX), settings);
  const auto result = infer::answer(predictor, pipeline, answers,
                                    {rows, overlays ? &*overlays : nullptr,
                                     gallery ? &*gallery : nullptr, video ? &*video : nullptr});
  if (options.profile) report_profile(command, result.profile);
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
                          result.profile.inputs, result.first_error);
  return exit_code(false, result.failed);
}

}  // namespace vit::tools
