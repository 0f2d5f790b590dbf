// Line charts and matrices as SVG and HTML.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace vit::report {

struct Series {
  std::string name;
  std::vector<std::pair<double, double>> points;  ///< x ascending; what is not finite leaves a gap
};

struct ChartOptions {
  std::string title;
  std::string x_name;
  bool from_zero = false;  ///< the y axis begins at 0
};

/// Lines with axes, round ticks and a legend; lines of many points are thinned to what can be seen.
/// Empty where no series has a finite point.
std::string line_chart(const std::vector<Series>& series, const ChartOptions& options);

/// Round numbers within [low, high], about `count` of them, ascending.
std::vector<double> ticks(double low, double high, int count);

/// `counts`: [classes * classes], row = true class. Each cell is shaded by its share of the row.
std::string confusion_table(std::span<const std::int64_t> counts,
                            const std::vector<std::string>& labels);

}  // namespace vit::report
