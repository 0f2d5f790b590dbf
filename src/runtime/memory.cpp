#include "vit/runtime/memory.h"

#if __has_include(<malloc.h>)
#include <malloc.h>
#endif

namespace vit::runtime {

void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_MAX, 0);         // no block has a mapping of its own
  mallopt(M_TRIM_THRESHOLD, -1);  // never
  mallopt(M_TOP_PAD, 64 << 20);   // the heap grows in steps of 64 MiB
#endif
}

}  // namespace vit::runtime
