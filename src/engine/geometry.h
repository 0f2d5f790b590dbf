// What depends on the size of an image.
#pragma once

#include "engine/memory.h"
#include "vit/engine/want.h"

namespace vit::engine {

/// Counts of rows or columns that depend on the image, beside plain ones.
inline constexpr std::int64_t kTokenCount = -1;
inline constexpr std::int64_t kPatchCount = -2;

struct Geometry {
  std::int64_t height = 0, width = 0;
  Grid grid;
  std::int64_t tokens = 0;
  FloatBuffer positions;  ///< [patches, padded(embed_dim)]: what is added to the patches' tokens

  std::int64_t patches() const { return grid.height * grid.width; }
  std::int64_t count(std::int64_t rows) const {
    return rows == kTokenCount ? tokens : rows == kPatchCount ? patches() : rows;
  }
};

/// A learned position embedding of the patches, of the model's own size.
struct Positions {
  FloatBuffer rows;  ///< [grid, padded(columns)]; empty for none
  Grid grid;
  std::int64_t columns = 0;

  /// For another grid: bicubic with antialiasing, as timm's resample_abs_pos_embed
  /// (timm/layers/pos_embed.py, 1.0.31). Zeros where there is none.
  FloatBuffer resampled(Grid to) const;
};

}  // namespace vit::engine
