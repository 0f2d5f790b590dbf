#include "engine/steps/attention_map.h"

#include <algorithm>

namespace vit::engine {
namespace {

constexpr int kColumnsOfRollout = 64;

}  // namespace

AttentionWeightsStep::AttentionWeightsStep(std::string name, const AttentionStepOptions& attention,
                                           double factor, bool fresh, BufferId out)
    : Step(std::move(name)),
      attention_("", attention),
      heads_(attention.heads),
      factor_(factor / static_cast<double>(attention.heads)),
      fresh_(fresh),
      out_(out) {}

std::int64_t AttentionWeightsStep::scratch(Isa isa, const Geometry& geometry) const {
  return attention_.scratch(isa, geometry);
}

void AttentionWeightsStep::run(const Frame& frame) const {
  auto call = attention_.call(frame);
  const auto out = frame.rows_view(out_);
  call.weights = out.data;
  call.weights_ld = out.ld;
  call.weights_factor = static_cast<float>(factor_);
  const int tile = kernels::attention_tile(frame.isa, call.bf16);
  const int tiles = kernels::attention_tiles(frame.isa, call);
  // A thread does all heads of its queries: they are summed in the same order always.
  const int at_once = (tiles + frame.group->size() - 1) / frame.group->size();
  frame.group->share(tiles, at_once, [&](int begin, int end) {
    const auto first = begin * tile, last = std::min(end * tile, call.queries);
    if (fresh_) std::fill(out.data + first * out.ld, out.data + last * out.ld, 0.0F);
    for (int head = 0; head < heads_; ++head) kernels::attention(frame.isa, call, head, begin, end);
  });
}

void LookStep::run(const Frame& frame) const {
  const auto weights = frame.rows_view(options_.weights), out = frame.rows_view(options_.out);
  const auto rows = options_.class_token ? 1 : weights.rows;
  frame.group->share(1, 1, [&](int, int) {
    for (std::int64_t c = 0; c < weights.columns; ++c) {
      double sum = 0.0;
      for (std::int64_t r = 0; r < rows; ++r) sum += weights.data[r * weights.ld + c];
      double look = sum / static_cast<double>(rows);
      if (options_.residual) {
        const double own =
            options_.class_token ? (c == 0 ? 1.0 : 0.0) : 1.0 / static_cast<double>(rows);
        look = (look + own) / 2.0;
      }
      out.data[c] = static_cast<float>(look);
    }
  });
}

void RolloutStep::run(const Frame& frame) const {
  const auto weights = frame.rows_view(weights_);
  const float* in = frame.rows_view(in_).data;
  float* out = frame.rows_view(out_).data;
  frame.group->share(static_cast<int>(weights.columns), kColumnsOfRollout, [&](int begin, int end) {
    for (int c = begin; c < end; ++c) out[c] = 0.5F * in[c];
    for (std::int64_t r = 0; r < weights.rows; ++r) {
      const float share = 0.5F * in[r];
      const float* row = weights.data + r * weights.ld;
      for (int c = begin; c < end; ++c) out[c] += share * row[c];
    }
  });
}

void AttentionMapStep::run(const Frame& frame) const {
  const auto& geometry = *frame.geometry;
  const auto patches = geometry.patches();
  const float* look = frame.rows_view(in_).data + (geometry.tokens - patches);
  frame.group->share(1, 1, [&](int, int) {
    float* out = frame.output->attention.data.data() + frame.image * patches;
    // Differential attention subtracts: what is below 0 was not looked at.
    float largest = 1e-30F;
    for (std::int64_t i = 0; i < patches; ++i) largest = std::max(largest, look[i]);
    for (std::int64_t i = 0; i < patches; ++i) out[i] = std::max(look[i], 0.0F) / largest;
  });
}

}  // namespace vit::engine
