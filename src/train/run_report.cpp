#include "run_report.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <sstream>

#include "vit/core/file.h"
#include "vit/core/text.h"
#include "vit/data/encode.h"
#include "vit/report/html.h"

namespace vit::train {
namespace {

constexpr std::size_t kSamples = 24;

std::string jpeg_uri(const data::Image& image) {
  return report::data_uri("image/jpeg", data::encode_jpeg(image));
}

std::vector<std::string> labels_of(const ModelConfig& config) {
  std::vector<std::string> labels;
  for (std::int64_t i = 0; i < config.model.num_classes(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    labels.push_back(at < config.labels.size() ? printable(config.labels[at]) : std::to_string(i));
  }
  return labels;
}

/// The class of the largest logit and its softmax.
std::pair<std::size_t, double> prediction_of(std::span<const float> logits) {
  const auto largest = std::ranges::max_element(logits);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - *largest);
  return {static_cast<std::size_t>(largest - logits.begin()), 1 / sum};
}

/// A row that was cut short is passed over.
std::vector<Json> read_rows(const std::filesystem::path& log) {
  std::vector<Json> rows;
  std::istringstream lines(read_file(log, std::size_t{1} << 32U));
  for (std::string line; std::getline(lines, line);)
    if (auto row = Json::parse(line, nullptr, /*allow_exceptions=*/false); row.is_object())
      rows.push_back(std::move(row));
  return rows;
}

}  // namespace

void WorstMistakes::add(const data::Batch& batch, const Array& logits) {
  for (std::size_t i = 0; i < batch.samples.size(); ++i) {
    const auto& sample = batch.samples[i];
    if (sample.error) continue;
    const auto [predicted, prob] = prediction_of(logits.row(static_cast<std::int64_t>(i)));
    if (static_cast<std::int64_t>(predicted) == sample.label || !std::isfinite(prob)) continue;
    const auto place = std::ranges::upper_bound(found_, prob, std::greater(), &Found::prob);
    found_.insert(place, {sample.index, sample.label, static_cast<std::int64_t>(predicted), prob});
    if (found_.size() > most_) found_.pop_back();
  }
}

RunReport::RunReport(const TrainOptions& options, const ModelConfig& config,
                     std::shared_ptr<const data::Dataset> train_data,
                     std::shared_ptr<const data::Dataset> val_data,
                     const data::TrainTransform& transform)
    : folder_(options.run().output()),
      seed_(options.run().seed()),
      train_data_(std::move(train_data)),
      val_data_(std::move(val_data)),
      transform_(transform),
      eval_(config.preprocessing, config.model.img_size(), config.model.in_c()) {
  // Without the folders above, which are nobody's business where the page is sent.
  page_.title =
      printable((folder_.has_filename() ? folder_ : folder_.parent_path()).filename().string());
  page_.facts = {{"architecture", config.architecture.empty() ? "unnamed" : config.architecture},
                 {"classes", std::to_string(config.model.num_classes())},
                 {"training images", std::to_string(train_data_->size())},
                 {"validation images", std::to_string(val_data_->size())}};
  page_.labels = labels_of(config);
  page_.multi_label = val_data_->is_multi_label();
  page_.configuration = options_to_json(options);
}

void RunReport::set_evaluation(const data::Evaluation& result, const WorstMistakes& mistakes) {
  page_.confusion = result.metrics.confusion();
  page_.precisions.clear();
  if (result.multi_label)
    for (std::size_t c = 0; c < page_.labels.size(); ++c) {
      const auto index = static_cast<std::int64_t>(c);
      page_.precisions.push_back({page_.labels[c], result.multi_label->positives(index),
                                  result.multi_label->average_precision(index)});
    }
  page_.mistakes.clear();
  for (const auto& found : mistakes.found()) {
    const auto label = [&](std::int64_t i) { return page_.labels.at(static_cast<std::size_t>(i)); };
    try {
      page_.mistakes.push_back({printable(val_data_->name(found.index)),
                                jpeg_uri(eval_.crop(val_data_->load(found.index))),
                                label(found.truth), label(found.predicted), found.prob});
    } catch (const Error&) {
      // It is gone since it was evaluated.
    }
  }
}

void RunReport::set_samples(std::span<const std::int64_t> order, std::uint64_t epoch) {
  page_.samples.clear();
  for (const auto index : order.first(std::min(order.size(), kSamples))) {
    Random random(seed_, epoch, static_cast<std::uint64_t>(index));
    try {
      page_.samples.push_back(jpeg_uri(transform_.crop(train_data_->load(index), random)));
    } catch (const Error&) {
      // A bad image is left out.
    }
  }
}

void RunReport::write(bool running) {
  page_.running = running;
  page_.rows = read_rows(folder_ / "log.jsonl");
  write_file(folder_ / "report.html", report::training_page(page_));
  page_.rows.clear();
}

}  // namespace vit::train
