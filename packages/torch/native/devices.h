// What the files on accelerators share: the guard of CUDA devices, what this build and this machine have, checked indices.
#pragma once

#include <ATen/Context.h>
#include <c10/core/Stream.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/version.h>

#include "environment.h"

// 1 where the build script found CUDA's headers for a libtorch with CUDA; without them the parts of libtorch that are the same
// for every kind of device do what they can.
#ifndef SUAVE_HAS_CUDA
#define SUAVE_HAS_CUDA 0
#endif

#define SUAVE_TORCH_AT_LEAST(major, minor) \
  (TORCH_VERSION_MAJOR > (major) || (TORCH_VERSION_MAJOR == (major) && TORCH_VERSION_MINOR >= (minor)))

namespace suave {

/** @throws OperatorError ERR_TORCH_NO_CUDA unless libtorch has CUDA and a device is there */
const c10::impl::DeviceGuardImplInterface& cudaGuard();

/** An argument that numbers a device. @throws as `cudaGuard`; ArgumentError when there is no such device */
c10::DeviceIndex deviceIndex(const Call& call, size_t index);

/** Two arguments: device and number of a stream. */
c10::Stream streamOf(const Call& call, size_t index);

/** A part of CUDA that this build or version leaves out. */
[[noreturn]] void missingFeature(const char* what, const char* remedy);

/** What to do about CUDA's headers, as `missingFeature` says it. */
constexpr const char* kNeedsHeaders = "Build the addon with CUDA's headers: set CUDA_HOME to a toolkit of libtorch's CUDA version.";

/** Milliseconds between two recorded events, by CUDA's runtime; for versions whose guards do not have it. */
double runtimeElapsedTime(void* start, void* end);

Exports streamExports();
Exports backendExports();
Exports randomExports();
Exports cudaMemoryExports();
Exports cudaPropertyExports();
Exports cudaGraphExports();
Exports cudaSyncExports();

/** Which parts the files that need headers have; each adds its own. */
bool hasMemoryStatistics();
bool hasMemoryFraction();
bool hasDeviceProperties();
bool hasGraphs();
bool hasSyncDebugMode();

}  // namespace suave
