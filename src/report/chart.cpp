#include "vit/report/chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

#include "vit/core/error.h"
#include "vit/report/html.h"

namespace vit::report {
namespace {

constexpr double kWidth = 460, kHeight = 240;
constexpr double kLeft = 52, kRight = 12, kTop = 14, kBottom = 30;

std::string number(double value, const char* form = "%.4g") {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), form, value);
  return text.data();
}

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  bool empty() const { return low > high; }
  /// Where nothing varies, a little on either side.
  void widen() {
    if (low < high) return;
    const double margin = low == 0 ? 1 : std::abs(low) * 0.1;
    low -= margin;
    high += margin;
  }
};

bool finite(const std::pair<double, double>& point) {
  return std::isfinite(point.first) && std::isfinite(point.second);
}

/// From values to places in the picture.
class Frame {
 public:
  Frame(const Range& x, const Range& y) : x_(x), y_(y) {}
  double x(double value) const {
    return kLeft + (value - x_.low) / (x_.high - x_.low) * (kWidth - kLeft - kRight);
  }
  double y(double value) const {
    return kHeight - kBottom - (value - y_.low) / (y_.high - y_.low) * (kHeight - kTop - kBottom);
  }

 private:
  Range x_, y_;
};

/// The path of a line: the least and the largest of what falls on one column stand for the others.
std::string path_of(const std::vector<std::pair<double, double>>& points, const Frame& frame) {
  std::string path;
  bool drawing = false;
  const auto add = [&](const std::pair<double, double>& point) {
    path += format("{}{} {}", drawing ? "L" : "M", number(frame.x(point.first), "%.1f"),
                   number(frame.y(point.second), "%.1f"));
    drawing = true;
  };
  for (std::size_t i = 0; i < points.size();) {
    if (!finite(points[i])) {
      drawing = false;
      ++i;
      continue;
    }
    std::size_t least = i, largest = i, end = i + 1;
    const auto column = [&](std::size_t at) { return std::floor(frame.x(points[at].first)); };
    for (; end < points.size() && finite(points[end]) && column(end) == column(i); ++end) {
      if (points[end].second < points[least].second) least = end;
      if (points[end].second > points[largest].second) largest = end;
    }
    add(points[std::min(least, largest)]);
    if (least != largest) add(points[std::max(least, largest)]);
    i = end;
  }
  return path;
}

std::string axes(const Range& x, const Range& y, const Frame& frame, const std::string& x_name) {
  std::string svg;
  for (const double tick : ticks(y.low, y.high, 5)) {
    const auto at = number(frame.y(tick), "%.1f");
    svg += format("<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/>", kLeft,
                  kWidth - kRight, at, at);
    svg += format("<text class=\"y\" x=\"{}\" y=\"{}\">{}</text>", kLeft - 6, at, number(tick));
  }
  for (const double tick : ticks(x.low, x.high, 6))
    svg += format("<text class=\"x\" x=\"{}\" y=\"{}\">{}</text>", number(frame.x(tick), "%.1f"),
                  kHeight - kBottom + 16, number(tick, "%.6g"));
  svg += format("<text class=\"x\" x=\"{}\" y=\"{}\">{}</text>", kWidth - kRight - 14, kHeight - 2,
                html_escape(x_name));
  return svg;
}

}  // namespace

std::vector<double> ticks(double low, double high, int count) {
  if (!(low < high) || count < 1 || !std::isfinite(high - low)) return {};
  const double rough = (high - low) / count;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = power;
  for (const double factor : {2.0, 5.0, 10.0})
    if (step < rough) step = power * factor;
  std::vector<double> found;
  for (double i = std::ceil(low / step); i * step <= high; ++i) found.push_back(i * step);
  return found;
}

std::string line_chart(const std::vector<Series>& series, const ChartOptions& options) {
  Range x, y;
  for (const auto& one : series)
    for (const auto& point : one.points)
      if (finite(point)) {
        x.add(point.first);
        y.add(point.second);
      }
  if (x.empty()) return "";
  if (options.from_zero) y.add(0);
  x.widen();
  y.widen();
  const Frame frame(x, y);
  std::string html = format("<figure class=\"chart\"><figcaption>{}", html_escape(options.title));
  for (std::size_t i = 0; i < series.size(); ++i)
    html += format(" <span class=\"key s{}\">{}</span>", i, html_escape(series[i].name));
  html += format("</figcaption><svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">", kWidth,
                 kHeight, html_escape(options.title));
  html += axes(x, y, frame, options.x_name);
  for (std::size_t i = 0; i < series.size(); ++i) {
    html += format("<path class=\"s{}\" d=\"{}\"/>", i, path_of(series[i].points, frame));
    // One point alone is no line.
    if (std::ranges::count_if(series[i].points, finite) == 1) {
      const auto point = *std::ranges::find_if(series[i].points, finite);
      html += format("<circle class=\"s{}\" cx=\"{}\" cy=\"{}\" r=\"2.5\"/>", i,
                     number(frame.x(point.first), "%.1f"), number(frame.y(point.second), "%.1f"));
    }
  }
  return html + "</svg></figure>\n";
}

std::string confusion_table(std::span<const std::int64_t> counts,
                            const std::vector<std::string>& labels) {
  const auto classes = labels.size();
  if (classes == 0 || counts.size() != classes * classes) return "";
  std::string html = "<table class=\"confusion\"><thead><tr><th>true \\ predicted</th>";
  for (const auto& label : labels) html += format("<th>{}</th>", html_escape(label));
  html += "</tr></thead><tbody>\n";
  for (std::size_t row = 0; row < classes; ++row) {
    const auto line = counts.subspan(row * classes, classes);
    std::int64_t sum = 0;
    for (const auto count : line) sum += count;
    html += format("<tr><th>{}</th>", html_escape(labels[row]));
    for (std::size_t column = 0; column < classes; ++column) {
      const double share =
          sum > 0 ? static_cast<double>(line[column]) / static_cast<double>(sum) : 0.0;
      html += format("<td class=\"{}\" style=\"--p:{}\">{}</td>", row == column ? "right" : "wrong",
                     number(share, "%.3f"), line[column]);
    }
    html += "</tr>\n";
  }
  return html + "</tbody></table>\n";
}

}  // namespace vit::report
