// Counts allocations of the whole process, on all threads.
#pragma once

namespace vit::engine {

/// Blocks that were asked for so far, by new, malloc and their kin.
long allocations();

}  // namespace vit::engine
