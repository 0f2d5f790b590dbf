#include "vit/pipeline/answer.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <optional>
#include <span>

#include "vit/core/error.h"
#include "vit/core/text.h"
#include "vit/data/encode.h"
#include "vit/report/html.h"

namespace vit::pipeline {
namespace {

/// What the model says of one batch.
struct BatchAnswer {
  Array values;     // [B, …]
  Array attention;  // [B, grid_h, grid_w], where asked for
};

BatchAnswer ask(const Predictor& predictor, Array images, const AnswerOptions& options,
                bool attention) {
  if (images.size(0) == 0) return {};
  if (options.output == AnswerOptions::kInputs) return {std::move(images), {}};
  engine::Want want;
  if (options.output == AnswerOptions::kFeatures) {
    want.logits = false;
    want.features = {options.features};
  }
  if (attention) want.attention = options.attention;
  auto said = predictor.run(images, want);
  return {std::move(want.logits ? said.logits : said.features.front()), std::move(said.attention)};
}

report::GalleryCard make_card(const data::LoadedSample& input, std::span<const Prediction> topk,
                              const std::vector<std::string>& labels, const data::Image* overlay) {
  report::GalleryCard card;
  card.name = printable(input.name);
  if (!input.image.pixels.empty())
    card.image = report::data_uri("image/jpeg", data::encode_jpeg(input.image));
  if (overlay != nullptr)
    card.attention = report::data_uri("image/jpeg", data::encode_jpeg(*overlay));
  for (const auto& [index, prob] : topk) {
    const auto i = static_cast<std::size_t>(index);
    card.answers.push_back({i < labels.size() ? labels[i] : std::to_string(index), prob});
  }
  return card;
}

/// `sneaker 97.3%`: the most probable class.
std::string caption(std::span<const Prediction> topk, const std::vector<std::string>& labels) {
  if (topk.empty()) return "";
  const auto i = static_cast<std::size_t>(topk[0].index);
  const auto tenths = std::lround(1000 * topk[0].prob);
  return format("{} {}.{}%", i < labels.size() ? labels[i] : std::to_string(i), tenths / 10,
                tenths % 10);
}

/// Where the model gave no answer: logits of NaN or +∞, or of −∞ alone, have no probabilities; a
/// class of −∞ beside others has that of 0. Arrays hold whatever numbers there are.
void mark_not_finite(data::Batch& batch, const BatchAnswer& said, const AnswerOptions& options) {
  if (options.output != AnswerOptions::kPredictions || said.values.shape.empty()) return;
  for (std::int64_t i = 0; i < said.values.size(0); ++i) {
    auto& sample = batch.samples[static_cast<std::size_t>(i)];
    const auto logits = said.values.row(i);
    const auto is_minus = [](float x) { return std::isinf(x) && x < 0; };
    auto bad =
        std::ranges::find_if(logits, [&](float x) { return !std::isfinite(x) && !is_minus(x); });
    if (std::ranges::all_of(logits, is_minus)) bad = logits.begin();
    if (sample.error || bad == logits.end()) continue;
    sample.error = std::make_exception_ptr(
        DataError("{}: expected finite logits, found {} for class {}", printable(sample.name),
                  std::isnan(*bad) ? "nan"
                  : is_minus(*bad) ? "-infinity"
                                   : "infinity",
                  bad - logits.begin()));
  }
}

/// Writes the rows of one batch, in order.
class BatchWriter {
 public:
  BatchWriter(const AnswerOptions& options, const AnswerSinks& sinks,
              const std::vector<std::string>& labels)
      : options_(options), sinks_(sinks), labels_(labels) {}

  void write(const data::LoadedSample& input, const BatchAnswer& said, std::int64_t row) {
    if (input.error) {
      write_error(input);
      return;
    }
    const auto numbers = said.values.row(row);
    const bool shown = !said.attention.shape.empty() && !input.image.pixels.empty();
    const auto overlay =
        shown ? overlay_attention(input.image, said.attention.row(row), said.attention.size(1))
              : data::Image();
    std::vector<Prediction> topk;
    if (options_.output == AnswerOptions::kPredictions)
      topk = infer::select_classes(numbers, options_.classes);
    std::string file;
    if (shown && sinks_.overlays != nullptr) {
      // Before the row that names it.
      sinks_.overlays->write(input.name, data::encode_png(overlay));
      file = sinks_.overlays->path_of(input.name).string();
    }
    if (options_.output == AnswerOptions::kPredictions)
      sinks_.rows.predictions({input.name, topk, file});
    else
      sinks_.rows.values(input.name, numbers);
    if (sinks_.video != nullptr) sinks_.video->add(caption(topk, labels_));
    if (sinks_.gallery != nullptr)
      sinks_.gallery->add(make_card(input, topk, labels_, shown ? &overlay : nullptr));
  }

 private:
  void write_error(const data::LoadedSample& input) {
    const auto message = error_message(input.error);
    sinks_.rows.error(input.name, message);
    if (sinks_.video != nullptr) sinks_.video->add("");
    if (sinks_.gallery == nullptr) return;
    report::GalleryCard card;
    card.name = printable(input.name);
    card.error = printable(message);
    sinks_.gallery->add(card);
  }

  const AnswerOptions& options_;
  const AnswerSinks& sinks_;
  const std::vector<std::string>& labels_;
};

void answer_all(const Predictor& predictor, data::Loader& loader, const AnswerOptions& options,
                const AnswerSinks& sinks, AnswerResult& result) {
  auto& times = result.times;
  const data::Timed whole(times.total);
  const bool attention = sinks.overlays != nullptr || sinks.gallery != nullptr;
  BatchWriter writer(options, sinks, predictor.config().labels);
  auto skip = options.skip_rows;
  while (!sinks.rows.closed()) {
    std::optional<data::Batch> batch;
    {
      const data::Timed waiting(times.wait);
      batch = loader.next();
    }
    if (!batch) break;
    auto& samples = batch->samples;
    // Up to the first error where that ends the run.
    const auto good = [&] {
      const auto first = std::ranges::find_if(
          samples, [](const data::LoadedSample& sample) { return sample.error != nullptr; });
      return options.skip_errors ? samples.size()
                                 : static_cast<std::size_t>(first - samples.begin());
    };
    for (const auto& sample : samples) times.load += sample.load_seconds;
    BatchAnswer said;
    {
      const data::Timed thinking(times.model);
      batch->images.keep_rows(static_cast<std::int64_t>(good()));
      said = ask(predictor, std::move(batch->images), options, attention);
    }
    mark_not_finite(*batch, said, options);
    const auto count = good();
    for (const auto& sample : samples)
      if (sample.error && result.failed++ == 0) result.first_error = error_message(sample.error);
    {
      const data::Timed writing(times.write);
      for (std::size_t i = 0; i < count; ++i)
        if (skip > 0)
          --skip;
        else
          writer.write(samples[i], said, static_cast<std::int64_t>(i));
      sinks.rows.flush();
    }
    times.inputs += static_cast<std::int64_t>(count);
    if (count < samples.size()) std::rethrow_exception(samples[count].error);
    if (options.progress) options.progress(times.inputs);
  }
  result.stopped = loader.stopped();
}

}  // namespace

AnswerResult answer(const Predictor& predictor, data::Loader& loader, const AnswerOptions& options,
                    const AnswerSinks& sinks) {
  AnswerResult result;
  answer_all(predictor, loader, options, sinks, result);
  return result;
}

}  // namespace vit::pipeline
