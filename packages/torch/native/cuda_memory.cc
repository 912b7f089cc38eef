// Memory of CUDA devices: statistics of the caching allocator, giving cached memory back, free and total memory.
#include "devices.h"

#if SUAVE_HAS_CUDA
#include <c10/core/DeviceGuard.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <cuda_runtime_api.h>
// CUDA's runtime comes with libtorch; where it hides it, this is null and the function is reported as missing.
extern "C" __attribute__((weak)) cudaError_t CUDARTAPI cudaMemGetInfo(size_t* free, size_t* total);
namespace allocator = c10::cuda::CUDACachingAllocator;
#define SUAVE_HAS_ALLOCATOR 1
#elif SUAVE_TORCH_AT_LEAST(2, 10)
#include <c10/core/CachingDeviceAllocator.h>

#include <tuple>
#define SUAVE_HAS_ALLOCATOR 1
namespace {
namespace allocator {
auto getDeviceStats(c10::DeviceIndex device) { return c10::getDeviceAllocator(at::kCUDA)->getDeviceStats(device); }
void resetPeakStats(c10::DeviceIndex device) { c10::getDeviceAllocator(at::kCUDA)->resetPeakStats(device); }
void resetAccumulatedStats(c10::DeviceIndex device) { c10::getDeviceAllocator(at::kCUDA)->resetAccumulatedStats(device); }
void emptyCache() { c10::getDeviceAllocator(at::kCUDA)->emptyCache(); }
}  // namespace allocator
}  // namespace
#else
#define SUAVE_HAS_ALLOCATOR 0
#endif

namespace suave {

bool hasMemoryStatistics() { return SUAVE_HAS_ALLOCATOR == 1; }
bool hasMemoryFraction() { return SUAVE_HAS_CUDA == 1; }

namespace {

#if SUAVE_HAS_ALLOCATOR

void put(const Call& call, napi_value object, const std::string& name, int64_t value) {
  call.check(napi_set_named_property(call.env, object, name.c_str(), call.fromNumber(static_cast<double>(value))));
}

template <typename Stat>
void putStat(const Call& call, napi_value object, const std::string& name, const Stat& stat) {
  put(call, object, name + ".current", stat.current);
  put(call, object, name + ".peak", stat.peak);
  put(call, object, name + ".allocated", stat.allocated);
  put(call, object, name + ".freed", stat.freed);
}

template <typename StatArray>
void putStats(const Call& call, napi_value object, const std::string& name, const StatArray& stats) {
  const char* pools[] = {"all", "small_pool", "large_pool"};
  for (size_t i = 0; i < 3; ++i) putStat(call, object, name + "." + pools[i], stats[i]);
}

template <typename Stats>
auto putRequested(const Call& call, napi_value object, const Stats& stats, int) -> decltype(void(stats.requested_bytes)) {
  putStats(call, object, "requested_bytes", stats.requested_bytes);
}
template <typename Stats>
void putRequested(const Call&, napi_value, const Stats&, long) {}

#endif

/** `memoryStats(device) → object` with PyTorch's keys, as `allocated_bytes.all.peak`. */
napi_value memoryStats(Call& call) {
  const c10::DeviceIndex device = deviceIndex(call, 0);
#if SUAVE_HAS_ALLOCATOR
  const auto stats = allocator::getDeviceStats(device);
  napi_value result;
  call.check(napi_create_object(call.env, &result));
  putStats(call, result, "allocation", stats.allocation);
  putStats(call, result, "segment", stats.segment);
  putStats(call, result, "active", stats.active);
  putStats(call, result, "inactive_split", stats.inactive_split);
  putStats(call, result, "allocated_bytes", stats.allocated_bytes);
  putStats(call, result, "reserved_bytes", stats.reserved_bytes);
  putStats(call, result, "active_bytes", stats.active_bytes);
  putStats(call, result, "inactive_split_bytes", stats.inactive_split_bytes);
  putRequested(call, result, stats, 0);
  putStat(call, result, "oversize_allocations", stats.oversize_allocations);
  putStat(call, result, "oversize_segments", stats.oversize_segments);
  put(call, result, "num_alloc_retries", stats.num_alloc_retries);
  put(call, result, "num_ooms", stats.num_ooms);
  put(call, result, "max_split_size", stats.max_split_size);
  return result;
#else
  (void)device;
  missingFeature("statistics of CUDA memory", kNeedsHeaders);
#endif
}

napi_value resetPeakMemoryStats(Call& call) {
  const c10::DeviceIndex device = deviceIndex(call, 0);
#if SUAVE_HAS_ALLOCATOR
  allocator::resetPeakStats(device);
  return nullptr;
#else
  (void)device;
  missingFeature("statistics of CUDA memory", kNeedsHeaders);
#endif
}

napi_value resetAccumulatedMemoryStats(Call& call) {
  const c10::DeviceIndex device = deviceIndex(call, 0);
#if SUAVE_HAS_ALLOCATOR
  allocator::resetAccumulatedStats(device);
  return nullptr;
#else
  (void)device;
  missingFeature("statistics of CUDA memory", kNeedsHeaders);
#endif
}

napi_value emptyCache(Call& call) {
  cudaGuard();
  call.refuseWhileCapturing("emptyCache");
#if SUAVE_HAS_ALLOCATOR
  allocator::emptyCache();
  return nullptr;
#else
  missingFeature("functions of the CUDA allocator", kNeedsHeaders);
#endif
}

/** `memGetInfo(device) → [free, total]`, bytes. */
napi_value memGetInfo(Call& call) {
  const c10::DeviceIndex device = deviceIndex(call, 0);
  size_t free = 0;
  size_t total = 0;
#if SUAVE_HAS_CUDA
  if (cudaMemGetInfo == nullptr) missingFeature("functions of CUDA's runtime", "Use a libtorch that loads libcudart as a library.");
  const c10::DeviceGuard guard(c10::Device(at::kCUDA, device));
  const cudaError_t status = cudaMemGetInfo(&free, &total);
  if (status != cudaSuccess) throw OperatorError("", "", "memGetInfo: CUDA error " + std::to_string(static_cast<int>(status)), "ERR_TORCH");
#elif SUAVE_HAS_ALLOCATOR
  std::tie(free, total) = c10::getDeviceAllocator(at::kCUDA)->getMemoryInfo(device);
#else
  (void)device;
  missingFeature("statistics of CUDA memory", kNeedsHeaders);
#endif
  napi_value result;
  call.check(napi_create_array_with_length(call.env, 2, &result));
  call.check(napi_set_element(call.env, result, 0, call.fromNumber(static_cast<double>(free))));
  call.check(napi_set_element(call.env, result, 1, call.fromNumber(static_cast<double>(total))));
  return result;
}

/** `setMemoryFraction(device, fraction)` */
napi_value setMemoryFraction(Call& call) {
  const c10::DeviceIndex device = deviceIndex(call, 0);
  const double fraction = call.number(1, "fraction");
#if SUAVE_HAS_CUDA
  allocator::setMemoryFraction(fraction, device);
  return nullptr;
#else
  (void)device, (void)fraction;
  missingFeature("limits of CUDA memory", kNeedsHeaders);
#endif
}

}  // namespace

Exports cudaMemoryExports() {
  return {{"memoryStats", guarded<memoryStats>},
          {"resetPeakMemoryStats", guarded<resetPeakMemoryStats>},
          {"resetAccumulatedMemoryStats", guarded<resetAccumulatedMemoryStats>},
          {"emptyCache", guarded<emptyCache>},
          {"memGetInfo", guarded<memGetInfo>},
          {"setMemoryFraction", guarded<setMemoryFraction>}};
}

}  // namespace suave
