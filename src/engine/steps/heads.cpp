#include "engine/steps/heads.h"

#include <string>
#include <utility>

#include "vit/core/error.h"

namespace vit::engine {
namespace {

/// With as many heads a thread it matters little that some threads have one more.
constexpr int kManyHeads = 4;

}  // namespace

HeadsStep::HeadsStep(std::string name, LinearPtr linear, LinearOptions product, std::int64_t rows,
                     const AttentionStepOptions& attention)
    : Step(std::move(name)),
      panels_(static_cast<int>(linear->packed.panels / attention.heads)),
      heads_(static_cast<int>(attention.heads)),
      linear_("", linear, std::move(product), rows),
      attention_("", attention) {
  if (panels_ * heads_ != linear->packed.panels)
    throw DataError("engine: expected whole panels for each of {} heads, found {} in all", heads_,
                    linear->packed.panels);
}

void HeadsStep::run(const Frame& frame) const {
  const int threads = frame.group->size();
  if (heads_ % threads != 0 && heads_ < kManyHeads * threads) {
    linear_.run(frame);
    frame.group->meet();
    attention_.run(frame);
    return;
  }
  auto product = linear_.call(frame);
  const auto attention = attention_.call_with_output(frame);
  const int tiles = kernels::attention_tiles(frame.isa, attention);
  frame.group->share(heads_, 1, [&](int begin, int end) {
    for (int head = begin; head < end; ++head) {
      product.panel_begin = head * panels_;
      product.panel_end = product.panel_begin + panels_;
      kernels::gemm(frame.isa, product);
      kernels::attention(frame.isa, attention, head, 0, tiles);
    }
  });
}

}  // namespace vit::engine
