#include "kernels/attention_backward/layout.h"

namespace vit::kernels {

void attention_backward(const AttentionBackward& call) { amx::attention_backward(call); }

std::int64_t attention_backward_scratch(int tokens, int d) {
  return static_cast<std::int64_t>(attention_backward_layout(tokens, d).size / sizeof(float));
}

}  // namespace vit::kernels
