// How the process's memory is kept.
#pragma once

namespace vit::runtime {

/// For programs that train, before they make a tensor or a thread: what is freed stays with the
/// process and serves the next allocation. glibc's malloc gives every large block back to the
/// system, and each step of training would have its activations' pages faulted in and cleared anew.
/// LibTorch's tensors get their memory so that a block that is freed fits the next of its size.
/// Does nothing on another C library.
void keep_freed_memory();

}  // namespace vit::runtime
