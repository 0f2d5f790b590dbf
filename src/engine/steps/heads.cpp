#include "engine/steps/heads.h"

#include <string>
#include <utility>

#include "vit/core/error.h"

namespace vit::engine {
namespace {

/// With as many groups a thread it matters little that some threads have one more.
constexpr int kManyGroups = 4;

}  // namespace

HeadsStep::HeadsStep(std::string name, LinearPtr linear, LinearOptions product, std::int64_t rows,
                     const AttentionStepOptions& attention)
    : Step(std::move(name)),
      groups_(static_cast<int>(attention.heads / attention.group)),
      panels_per_group_(linear->packed.panels / groups_),
      heads_per_group_(attention.group),
      linear_("", linear, std::move(product), rows),
      attention_("", attention) {
  if (panels_per_group_ * groups_ != linear->packed.panels)
    throw DataError("engine: expected whole panels for each of {} groups of heads, found {} in all",
                    groups_, linear->packed.panels);
}

void HeadsStep::run(const Frame& frame) const {
  const int threads = frame.group->size();
  if (groups_ % threads != 0 && groups_ < kManyGroups * threads) {
    linear_.run(frame);
    frame.group->meet();
    attention_.run(frame);
    return;
  }
  auto product = linear_.call(frame);
  const auto attention = attention_.call_with_output(frame);
  const int tiles = kernels::attention_tiles(frame.isa, attention);
  frame.group->share(groups_, 1, [&](int begin, int end) {
    for (int group = begin; group < end; ++group) {
      product.panel_begin = group * panels_per_group_;
      product.panel_end = product.panel_begin + panels_per_group_;
      kernels::gemm(frame.isa, product);
      for (int head = group * heads_per_group_; head < (group + 1) * heads_per_group_; ++head)
        kernels::attention(frame.isa, attention, head, 0, tiles);
    }
  });
}

}  // namespace vit::engine
