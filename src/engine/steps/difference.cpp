#include "engine/steps/difference.h"

#include "vit/core/error.h"

namespace vit::engine {

std::string DifferenceStep::describe() const { return format("difference, {} times", rate_); }

void DifferenceStep::run(const Frame& frame) const {
  const auto a = frame.rows_view(a_), b = frame.rows_view(b_);
  frame.group->share(static_cast<int>(a.rows), 32, [&](int begin, int end) {
    for (auto i = begin * a.ld; i < end * a.ld; ++i) a.data[i] -= rate_ * b.data[i];
  });
}

}  // namespace vit::engine
