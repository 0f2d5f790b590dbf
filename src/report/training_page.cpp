#include "vit/report/training_page.h"

#include <array>
#include <cstdio>

#include "training_page_parts.h"
#include "vit/core/error.h"
#include "vit/report/chart.h"
#include "vit/report/html.h"

namespace vit::report {
namespace {

/// The `y` of every row of `event` that has it, over the rows' `x`.
Series series_of(const std::vector<Json>& rows, const char* event, const char* x, const char* y,
                 const char* name) {
  Series series{name, {}};
  for (const auto& row : rows) {
    if (row.value("event", "") != event || !row.contains(x) || !row.contains(y)) continue;
    if (!row[x].is_number() || !row[y].is_number()) continue;
    series.points.emplace_back(row[x].get<double>(), row[y].get<double>());
  }
  return series;
}

std::string charts(const std::vector<Json>& rows) {
  std::string html;
  html += line_chart({series_of(rows, "step", "step", "loss", "step"),
                      series_of(rows, "epoch", "step", "train_loss", "epoch"),
                      series_of(rows, "epoch", "step", "eval_loss", "validation")},
                     {"Loss", "step"});
  const auto map = series_of(rows, "epoch", "epoch", "eval_map", "mAP");
  if (map.points.empty())
    html += line_chart({series_of(rows, "epoch", "epoch", "eval_top1", "top-1"),
                        series_of(rows, "epoch", "epoch", "eval_top5", "top-5")},
                       {"Validation accuracy, %", "epoch"});
  else
    html += line_chart({map}, {"Validation mAP, %", "epoch"});
  html += line_chart({series_of(rows, "step", "step", "lr", "lr")},
                     {"Learning rate", "step", /*from_zero=*/true});
  return html;
}

/// The best of `eval_top1`, or of `eval_map`.
std::string best_of(const std::vector<Json>& rows, const char* key) {
  double best = -1;
  std::string text = "not evaluated yet";
  for (const auto& row : rows) {
    if (!row.contains(key) || !row[key].is_number()) continue;
    const auto score = row[key].get<double>();
    if (score <= best) continue;
    best = score;
    std::array<char, 64> shown;
    std::snprintf(shown.data(), shown.size(), "%.2f %% (epoch %lld)", score,
                  row.value("epoch", 0LL));
    text = shown.data();
  }
  return text;
}

std::string section(const char* title, const std::string& html) {
  return html.empty() ? "" : format("<section><h2>{}</h2>\n{}</section>\n", title, html);
}

std::string mistakes_of(const TrainingPage& page) {
  std::string html;
  for (const auto& mistake : page.mistakes) {
    std::array<char, 16> percent;
    std::snprintf(percent.data(), percent.size(), "%.1f", 100 * mistake.prob);
    html += format(
        "<figure class=\"mistake\"><img loading=\"lazy\" alt=\"{}\" title=\"{}\" src=\"{}\">"
        "<figcaption><b>{}</b> {}&#8239;%<br>is {}</figcaption></figure>\n",
        html_escape(mistake.name), html_escape(mistake.name), mistake.image,
        html_escape(mistake.predicted), percent.data(), html_escape(mistake.truth));
  }
  return html.empty() ? "" : "<div class=\"tiles\">" + html + "</div>\n";
}

std::string precisions_of(const TrainingPage& page) {
  if (page.precisions.empty()) return "";
  std::string html =
      "<table class=\"confusion\"><tr><th>class</th><th>images</th><th>AP, %</th></tr>\n";
  for (const auto& one : page.precisions) {
    std::array<char, 16> percent{"–"};
    if (one.average_percent)
      std::snprintf(percent.data(), percent.size(), "%.2f", *one.average_percent);
    html += format("<tr><th>{}</th><td>{}</td><td>{}</td></tr>\n", html_escape(one.label),
                   one.images, percent.data());
  }
  return html + "</table>\n";
}

std::string samples_of(const TrainingPage& page) {
  std::string html;
  for (const auto& image : page.samples)
    html += format("<img loading=\"lazy\" alt=\"training image\" src=\"{}\">", image);
  return html.empty() ? "" : "<div class=\"tiles\">" + html + "</div>\n";
}

}  // namespace

std::string training_page(const TrainingPage& page) {
  const auto title = html_escape(page.title);
  std::string facts =
      format("<div><dt>best {}</dt><dd>{}</dd></div>", page.multi_label ? "mAP" : "top-1",
             best_of(page.rows, page.multi_label ? "eval_map" : "eval_top1"));
  for (const auto& [name, value] : page.facts)
    facts += format("<div><dt>{}</dt><dd>{}</dd></div>", html_escape(name), html_escape(value));
  std::string html = format(kTrainingHead, kTrainingPageMark, page.running ? kRefresh : "", title,
                            kTrainingStyle, title, facts);
  html += "<div class=\"charts\">" + charts(page.rows) + "</div>\n";
  html += section("Confusion matrix", confusion_table(page.confusion, page.labels));
  html += section("Average precision", precisions_of(page));
  html += section("Worst mistakes", mistakes_of(page));
  html += section("What the model sees while it trains", samples_of(page));
  if (!page.configuration.is_null())
    html += section("Configuration", "<details><summary>options</summary><pre>" +
                                         html_escape(page.configuration.dump(2)) +
                                         "</pre></details>\n");
  return html + kTrainingTail.data();
}

}  // namespace vit::report
