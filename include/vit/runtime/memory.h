// How the process's memory is kept.
#pragma once

namespace vit::runtime {

/// For programs that train, before they make a tensor or a thread: what is freed stays with the
/// process and serves the next allocation. glibc's malloc gives every large block back to the
/// system, and each step of training would have its activations' pages faulted in and cleared anew.
/// All threads share one heap, and LibTorch's allocator for the CPU is replaced (at priority 1) by
/// one whose freed blocks fit the next tensor of their size. Does nothing on another C library.
void keep_freed_memory();

}  // namespace vit::runtime
