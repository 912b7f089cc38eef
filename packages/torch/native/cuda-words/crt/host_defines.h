// The words that the headers of CUDA's runtime are written in, for a compiler of the host: NVIDIA's wheels for CUDA 13 have those
// headers without the file of this name, which is in a wheel that PyTorch does not ask for. Used only where that is missing.
#pragma once

#define CUDARTAPI
#define CUDARTAPI_CDECL

// What a function or a value is for means nothing to the host's compiler.
#define __host__
#define __device__
#define __global__
#define __shared__
#define __constant__
#define __managed__
#define __grid_constant__
#define __cluster_dims__(...)
#define __device_builtin__
#define __device_builtin_texture_type__
#define __device_builtin_surface_type__
#define __cudart_builtin__
#define __location__(a)
#define __launch_bounds__(...)

#define __no_return__ __attribute__((noreturn))
#define __forceinline__ __inline__ __attribute__((always_inline))
#define __align__(n) __attribute__((aligned(n)))
#define __builtin_align__(n) __align__(n)
#define __thread__ __thread
#define __import__
#define __export__
#define __cdecl
#define __annotate__(a)
#define __specialization_static
