// LayerNorm and RmsNorm.
#pragma once

#include "engine/memory.h"
#include "engine/step.h"
#include "vit/kernels/norm.h"

namespace vit::engine {

struct Norm {
  FloatBuffer gain, bias;  ///< empty for none
  std::int64_t columns = 0;
  double eps = 0.0;
  bool rms = false;
};

struct NormOptions {
  BufferId in = -1;
  BufferId out = -1;  ///< packed, or rows laid out as `in` (may be `in`)
  std::int64_t row_begin = 0;
  std::int64_t row_end = 0;  ///< 0: all
  std::int64_t column_offset = 0;
  int groups = 1;
  BufferId addend = -1;   ///< a buffer laid out as `out`; -1 for none
  bool position = false;  ///< or the geometry's positions, for rows from row_begin on
};

class NormStep : public Step {
 public:
  NormStep(std::string name, Norm norm, NormOptions options);
  std::string describe() const override;
  void run(const Frame& frame) const override;

 private:
  Norm norm_;
  NormOptions options_;
};

}  // namespace vit::engine
