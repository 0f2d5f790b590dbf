#include "class_weights.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>

#include "vit/core/error.h"
#include "vit/core/file.h"
#include "vit/core/text.h"

namespace vit::train {
namespace {

std::vector<float> balanced_weights(const data::Dataset& data) {
  std::vector<std::int64_t> counts(data.classes().size());
  for (std::int64_t i = 0; i < data.size(); ++i)
    for (const auto label : data.labels(i)) ++counts[static_cast<std::size_t>(label)];
  std::vector<float> weights;
  for (std::size_t c = 0; c < counts.size(); ++c) {
    if (counts[c] == 0)
      throw UsageError("class_weights: class '{}' has no images to balance",
                       printable(data.classes()[c]));
    weights.push_back(static_cast<float>(static_cast<double>(data.size()) /
                                         static_cast<double>(std::ssize(counts) * counts[c])));
  }
  return weights;
}

std::vector<float> read_weights(const std::string& file, std::size_t classes) {
  std::vector<float> weights;
  std::istringstream lines(read_file(file));
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with('\r')) line.pop_back();
    float value = 0;
    const auto* end = line.data() + line.size();
    const auto read = std::from_chars(line.data(), end, value);
    if (read.ec != std::errc() || read.ptr != end || !std::isfinite(value) || value < 0)
      throw DataError("{}: line {}: expected a weight of 0 or more, found '{}'", file,
                      weights.size() + 1, printable(line));
    weights.push_back(value);
  }
  if (weights.size() != classes)
    throw DataError("{}: expected {} weights, one a class, found {}", file, classes,
                    weights.size());
  if (std::ranges::none_of(weights, [](float weight) { return weight > 0; }))
    throw DataError("{}: expected a weight above 0, found none", file);
  return weights;
}

}  // namespace

std::vector<float> class_weights(const std::string& what, const data::Dataset& data) {
  if (what.empty()) return {};
  return what == "balanced" ? balanced_weights(data) : read_weights(what, data.classes().size());
}

}  // namespace vit::train
