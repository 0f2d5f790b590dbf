#include <algorithm>
#include <cstdio>

#include "csv.h"
#include "vit/core/error.h"
#include "vit/core/text.h"
#include "vit/pipeline/validate.h"

namespace vit::pipeline {
namespace {

double percent(std::int64_t part, std::int64_t whole) {
  return 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

std::string label_of(const std::vector<std::string>& labels, std::size_t index) {
  if (index >= labels.size()) return std::to_string(index);
  // A label that is text may have escapes of its own already.
  return is_utf8(labels[index]) ? labels[index] : printable(labels[index]);
}

Json multi_label_json(const data::MultiLabelMetrics& metrics,
                      const std::vector<std::string>& labels) {
  auto per_class = Json::array();
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto c = static_cast<std::int64_t>(i);
    if (const auto precision = metrics.average_precision(c))
      per_class.push_back({{"index", i},
                           {"label", label_of(labels, i)},
                           {"images", metrics.positives(c)},
                           {"average_precision", *precision}});
  }
  return {{"images", metrics.images()},
          {"map", metrics.mean_average_precision()},
          {"loss", metrics.loss()},
          {"per_class", std::move(per_class)}};
}

std::string left_out_text(std::int64_t failed) {
  return failed > 0 ? format("left out {} that could not be read\n", failed) : "";
}

std::string multi_label_text(const data::Evaluation& result,
                             const std::vector<std::string>& labels) {
  const auto& metrics = *result.multi_label;
  char line[256];
  std::snprintf(line, sizeof line, "images %lld  mAP %.3f %%  loss %.5f\n",
                static_cast<long long>(metrics.images()), metrics.mean_average_precision(),
                metrics.loss());
  std::string text = line + left_out_text(result.failed) + "\n class  images       AP  label\n";
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto c = static_cast<std::int64_t>(i);
    const auto precision = metrics.average_precision(c);
    if (!precision) continue;
    std::snprintf(line, sizeof line, "%6zu %7lld %8.3f  ", i,
                  static_cast<long long>(metrics.positives(c)), *precision);
    text += format("{}{}\n", line, label_of(labels, i));
  }
  return text;
}

}  // namespace

Json validation_json(const data::Evaluation& result, const std::vector<std::string>& labels) {
  if (result.multi_label) {
    auto json = multi_label_json(*result.multi_label, labels);
    if (result.failed > 0) json["failed"] = result.failed;
    return json;
  }
  auto per_class = Json::array();
  const auto& counts = result.metrics.per_class();
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i].images == 0) continue;
    per_class.push_back({{"index", i},
                         {"label", label_of(labels, i)},
                         {"images", counts[i].images},
                         {"top1", percent(counts[i].top1, counts[i].images)},
                         {"top5", percent(counts[i].top5, counts[i].images)}});
  }
  Json json{{"images", result.metrics.images()},
            {"top1", result.metrics.top1()},
            {"top5", result.metrics.top5()},
            {"loss", result.metrics.loss()},
            {"per_class", std::move(per_class)}};
  if (result.failed > 0) json["failed"] = result.failed;
  return json;
}

std::string validation_text(const data::Evaluation& result,
                            const std::vector<std::string>& labels) {
  if (result.multi_label) return multi_label_text(result, labels);
  const auto& metrics = result.metrics;
  char line[256];
  std::snprintf(line, sizeof line, "images %lld  top1 %.3f %%  top5 %.3f %%  loss %.5f\n",
                static_cast<long long>(metrics.images()), metrics.top1(), metrics.top5(),
                metrics.loss());
  std::string text = line;
  text += left_out_text(result.failed);
  text += "\n class  images     top1     top5  label\n";
  const auto& counts = metrics.per_class();
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i].images == 0) continue;
    std::snprintf(
        line, sizeof line, "%6zu %7lld %8.3f %8.3f  ", i, static_cast<long long>(counts[i].images),
        percent(counts[i].top1, counts[i].images), percent(counts[i].top5, counts[i].images));
    text += format("{}{}\n", line, label_of(labels, i));
  }
  return text;
}

std::string confusion_csv(const data::Metrics& metrics, const std::vector<std::string>& labels) {
  const auto classes = metrics.per_class().size();
  std::string text = "true\\predicted";
  for (std::size_t i = 0; i < classes; ++i) text += format(",{}", csv_field(label_of(labels, i)));
  text += "\n";
  for (std::size_t i = 0; i < classes; ++i) {
    text += csv_field(label_of(labels, i));
    for (std::size_t j = 0; j < classes; ++j)
      text += format(",{}", metrics.confusion()[i * classes + j]);
    text += "\n";
  }
  return text;
}

}  // namespace vit::pipeline
