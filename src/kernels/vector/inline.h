// How a source that is compiled for more than x86-64-v2 stays out of everyone else's way.
//
// The linker keeps one copy of an inline function or template instance, whichever source it came
// from. If that is the AVX2 source's copy, older processors crash in code that looks portable. So
// in sources of a level everything has internal linkage: the level's `Vector` is in an anonymous
// namespace, shared code is a template over it (which makes its instances internal too), and
// nothing of the standard library is called.
#pragma once

#define VIT_INLINE inline __attribute__((always_inline))

#if defined(__clang__)
#define VIT_UNROLL _Pragma("unroll")
#else
#define VIT_UNROLL _Pragma("GCC unroll 64")
#endif
