// Checks of what a layer is made with, before anything is computed from it.
#pragma once

#include <cstdint>

#include "vit/core/error.h"

namespace vit::nn {

/// Throws DataError naming layer and field.
inline void check_at_least(const char* layer, const char* field, std::int64_t value,
                           std::int64_t low = 1) {
  if (value < low)
    throw DataError("{}: expected {} of at least {}, found {}", layer, field, low, value);
}

/// Of dropping something: 0 to 1. Throws DataError naming layer and field.
inline void check_probability(const char* layer, const char* field, double value) {
  if (!(value >= 0.0 && value <= 1.0))
    throw DataError("{}: expected {} from 0 to 1, found {}", layer, field, value);
}

}  // namespace vit::nn
