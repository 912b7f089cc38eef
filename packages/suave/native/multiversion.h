// Compiles a function twice on x86-64, for AVX2 and for every other machine; the loader picks one.
// Both give the same bits: AVX2 without FMA, and the build forbids contraction (-ffp-contract=off).
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__gnu_linux__)
#define SUAVE_MULTIVERSION __attribute__((target_clones("avx2", "default")))
#else
#define SUAVE_MULTIVERSION
#endif

// A loop that must become part of its multiversioned caller, not a function of its own for every machine.
#if defined(__GNUC__)
#define SUAVE_INLINE __attribute__((always_inline)) inline
#else
#define SUAVE_INLINE inline
#endif
