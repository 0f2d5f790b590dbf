// Work on the threads that LibTorch's operators have.
#pragma once

#include <functional>

namespace vit::runtime {

/// Calls f(i) once for each i in [0, count), in parallel on OpenMP's threads, which LibTorch's
/// operators use too; without OpenMP, and within another parallel region, one after the other.
/// Separate threads would compete with OpenMP's, which spin while they wait. `f` must not throw.
void run_in_parallel(int count, const std::function<void(int)>& f);

}  // namespace vit::runtime
