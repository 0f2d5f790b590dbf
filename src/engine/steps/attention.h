// Scaled dot-product attention of all heads.
#pragma once

#include "engine/memory.h"
#include "engine/step.h"
#include "vit/kernels/attention.h"

namespace vit::engine {

/// Where the heads of q, k or v stand in a buffer.
struct HeadColumns {
  BufferId buffer = -1;
  std::int64_t first = 0;   ///< column of the first head
  std::int64_t stride = 0;  ///< from one head, or group of heads, to the next
};

struct AttentionStepOptions {
  HeadColumns q, k, v;
  std::int64_t heads = 0, d = 0, dv = 0;
  int group = 1;                       ///< heads that stand side by side
  std::int64_t queries = kTokenCount;  ///< rows
  std::int64_t key_begin = 0;          ///< keys are the rows from here on
  double scale = 0.0;
  bool bf16 = false;    ///< multiplies in bfloat16
  bool packed = false;  ///< q, k and v are packed rows; then key_begin is 0
  /// Packed; or rows; where it is the batch's, this image's are the `queries` from
  /// image · queries on.
  BufferId out = -1;
};

class AttentionStep : public Step {
 public:
  /// `query`, where it is not empty: one constant row in place of q's buffer.
  AttentionStep(std::string name, AttentionStepOptions options, FloatBuffer query = {});
  std::string describe() const override;
  double flops(const Geometry& geometry) const override;
  std::int64_t scratch(Isa isa, const Geometry& geometry) const override;
  void run(const Frame& frame) const override;
  /// The kernel's call, without its output.
  kernels::AttentionCall call(const Frame& frame) const;
  kernels::AttentionCall call_with_output(const Frame& frame) const;

 private:
  AttentionStepOptions options_;
  FloatBuffer query_;
};

}  // namespace vit::engine
