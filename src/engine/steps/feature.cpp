#include "engine/steps/feature.h"

#include <algorithm>

#include "vit/core/error.h"

namespace vit::engine {
namespace {

/// The rows that become one row of the feature: all of them their mean.
void mean_rows(const RowsView& in, std::int64_t first, std::int64_t count, float* out) {
  for (std::int64_t c = 0; c < in.columns; ++c) {
    double sum = 0.0;
    for (std::int64_t r = first; r < first + count; ++r) sum += in.data[r * in.ld + c];
    out[c] = static_cast<float>(sum / static_cast<double>(count));
  }
}

}  // namespace

std::string FeatureStep::describe() const {
  switch (options_.kind) {
    case FeatureKind::kCls:
      return "cls";
    case FeatureKind::kMean:
      return "mean";
    case FeatureKind::kTokens:
      return "tokens";
    case FeatureKind::kPooled:
      return "pooled";
    case FeatureKind::kLayer:
      break;
  }
  return format("layer:{}", options_.layer);
}

void FeatureStep::run(const Frame& frame) const {
  frame.group->share(1, 1, [&](int, int) {
    const auto& wanted = frame.want->features;
    for (std::size_t i = 0; i < wanted.size(); ++i)
      if (wanted[i].kind == options_.kind &&
          (wanted[i].kind != FeatureKind::kLayer || wanted[i].layer == options_.layer))
        write(frame, frame.output->features[i]);
  });
}

void FeatureStep::write(const Frame& frame, Array& feature) const {
  const auto in = frame.rows_view(options_.in);
  const bool of_batch = frame.spec(options_.in).scope == Scope::kBatch;
  const auto images = of_batch ? frame.batch : 1, rows = frame.image_rows(options_.in);
  for (std::int64_t i = 0; i < images; ++i) {
    const auto size = static_cast<std::int64_t>(feature.data.size()) / frame.batch;
    float* out = feature.data.data() + (of_batch ? i : frame.image) * size;
    if (options_.mean_of_two) {
      mean_rows(in, i * rows, 2, out);
    } else if (options_.kind == FeatureKind::kMean) {
      mean_rows(in, options_.first_row, rows - options_.first_row, out);
    } else {
      // Of cls the first row alone; else all that the image has.
      const auto count = size / in.columns;
      for (std::int64_t r = 0; r < count; ++r)
        std::copy_n(in.data + (i * rows + r) * in.ld, in.columns, out + r * in.columns);
    }
  }
}

}  // namespace vit::engine
