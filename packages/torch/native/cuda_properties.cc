// What CUDA's runtime alone knows: a device's name and sizes, and the time between events of older versions.
#include "devices.h"

#if SUAVE_HAS_CUDA
#include <cuda_runtime_api.h>
// CUDA's runtime comes with libtorch; where it hides it, these are null and reported as missing.
extern "C" __attribute__((weak)) cudaError_t CUDARTAPI cudaGetDeviceProperties(cudaDeviceProp* properties, int device);
extern "C" __attribute__((weak)) cudaError_t CUDARTAPI cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end);
#endif

namespace suave {

bool hasDeviceProperties() { return SUAVE_HAS_CUDA == 1; }

#if SUAVE_HAS_CUDA
namespace {

[[noreturn]] void hiddenRuntime() { missingFeature("functions of CUDA's runtime", "Use a libtorch that loads libcudart as a library."); }

void checkRuntime(const char* where, cudaError_t status) {
  if (status != cudaSuccess) throw OperatorError("", "", std::string(where) + ": CUDA error " + std::to_string(static_cast<int>(status)), "ERR_TORCH");
}

}  // namespace
#endif

double runtimeElapsedTime(void* start, void* end) {
#if SUAVE_HAS_CUDA
  if (cudaEventElapsedTime == nullptr) hiddenRuntime();
  float milliseconds = 0;
  checkRuntime("elapsedTime", cudaEventElapsedTime(&milliseconds, static_cast<cudaEvent_t>(start), static_cast<cudaEvent_t>(end)));
  return milliseconds;
#else
  (void)start, (void)end;
  missingFeature("times between CUDA events", kNeedsHeaders);
#endif
}

namespace {

/** `deviceProperties(device) → object` */
napi_value deviceProperties(Call& call) {
  const c10::DeviceIndex device = deviceIndex(call, 0);
#if SUAVE_HAS_CUDA
  if (cudaGetDeviceProperties == nullptr) hiddenRuntime();
  cudaDeviceProp properties{};
  checkRuntime("getDeviceProperties", cudaGetDeviceProperties(&properties, device));
  napi_value result;
  call.check(napi_create_object(call.env, &result));
  call.check(napi_set_named_property(call.env, result, "name", call.fromString(properties.name)));
  const std::pair<const char*, double> numbers[] = {
      {"major", properties.major},
      {"minor", properties.minor},
      {"totalMemory", static_cast<double>(properties.totalGlobalMem)},
      {"multiProcessorCount", properties.multiProcessorCount},
      {"maxThreadsPerMultiProcessor", properties.maxThreadsPerMultiProcessor},
      {"maxThreadsPerBlock", properties.maxThreadsPerBlock},
      {"sharedMemoryPerBlock", static_cast<double>(properties.sharedMemPerBlock)},
      {"sharedMemoryPerMultiprocessor", static_cast<double>(properties.sharedMemPerMultiprocessor)},
      {"regsPerMultiprocessor", properties.regsPerMultiprocessor},
      {"warpSize", properties.warpSize},
      {"l2CacheSize", properties.l2CacheSize},
  };
  for (const auto& entry : numbers) call.check(napi_set_named_property(call.env, result, entry.first, call.fromNumber(entry.second)));
  call.check(napi_set_named_property(call.env, result, "isIntegrated", call.fromBoolean(properties.integrated != 0)));
  return result;
#else
  (void)device;
  missingFeature("properties of CUDA devices", kNeedsHeaders);
#endif
}

}  // namespace

Exports cudaPropertyExports() { return {{"deviceProperties", guarded<deviceProperties>}}; }

}  // namespace suave
