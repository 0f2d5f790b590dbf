// Work on the threads that LibTorch's operators have.
#pragma once

#include <functional>

namespace vit::runtime {

/// Calls f(i) once for each i in [0, count), each on a thread of its own: those of OpenMP, which
/// LibTorch's operators run on too. Threads of our own would be held up by them, for they wait for
/// the next operator with their cores kept busy (libgomp, unless OMP_WAIT_POLICY is passive). `f`
/// must not throw.
void on_each_thread(int count, const std::function<void(int)>& f);

}  // namespace vit::runtime
