// CUDA devices: which there are, which is current, waiting for one, and what this build can do with them.
#include "devices.h"

#include <ATen/detail/CUDAHooksInterface.h>

namespace suave {
namespace {

// The initialisation has another name in newer versions; only the one that exists is instantiated.
template <typename Context>
auto initialise(Context& context, int) -> decltype(context.lazyInitDevice(at::kCUDA)) {
  return context.lazyInitDevice(at::kCUDA);
}
template <typename Context>
void initialise(Context& context, long) {
  context.lazyInitCUDA();
}

}  // namespace

const c10::impl::DeviceGuardImplInterface& cudaGuard() {
  if (!at::hasCUDA())
    throw OperatorError("", "", "this libtorch has no CUDA. Use a libtorch with CUDA, or the device 'cpu'.", "ERR_TORCH_NO_CUDA");
  if (at::getNumGPUs() == 0)
    throw OperatorError("", "", "libtorch has CUDA, but finds no device. Check the driver with nvidia-smi, and CUDA_VISIBLE_DEVICES.",
                        "ERR_TORCH_NO_CUDA");
  initialise(at::globalContext(), 0);
  return *c10::impl::getDeviceGuardImpl(at::kCUDA);
}

c10::DeviceIndex deviceIndex(const Call& call, size_t index) {
  const double value = call.number(index, "device");
  const auto count = cudaGuard().deviceCount();
  if (!(value >= 0 && value < static_cast<double>(count)) || value != static_cast<double>(static_cast<int>(value)))
    throw ArgumentError("device: expected an index from 0 to " + std::to_string(count - 1) + ", got " + c10::str(value));
  return static_cast<c10::DeviceIndex>(value);
}

void missingFeature(const char* what, const char* remedy) {
  throw OperatorError("", "", std::string(what) + " are not in this build of the addon. " + remedy, "ERR_TORCH_CUDA_FEATURE");
}

namespace {

napi_value currentDevice(Call& call) { return call.fromNumber(cudaGuard().getDevice().index()); }

/** `exchangeDevice(index) → index before`, for this thread. */
napi_value exchangeDevice(Call& call) {
  const c10::Device device(at::kCUDA, deviceIndex(call, 0));
  return call.fromNumber(cudaGuard().exchangeDevice(device).index());
}

napi_value synchronizeDevice(Call& call) {
  const c10::DeviceIndex index = deviceIndex(call, 0);
  call.refuseWhileCapturing("synchronize");
  at::detail::getCUDAHooks().deviceSynchronize(index);
  return nullptr;
}

/** Whether libtorch was built with CUDA; `at::hasCUDA()` also wants a driver and a device. */
bool builtWithCuda() { return at::detail::getCUDAHooks().hasCUDART(); }

/** `cudaFeatures() → string[]`: the parts of this build, whether or not a device is there. */
napi_value cudaFeatures(Call& call) {
  std::vector<std::string> names;
  if (builtWithCuda()) {
    names = {"streams", "events"};
    if (hasMemoryStatistics()) names.push_back("memoryStatistics");
    if (hasMemoryFraction()) names.push_back("memoryFraction");
    if (hasDeviceProperties()) names.push_back("deviceProperties");
    if (hasGraphs()) names.push_back("graphs");
    if (hasSyncDebugMode()) names.push_back("syncDebugMode");
  }
  napi_value result;
  call.check(napi_create_array_with_length(call.env, names.size(), &result));
  for (size_t i = 0; i < names.size(); ++i) call.check(napi_set_element(call.env, result, static_cast<uint32_t>(i), call.fromString(names[i])));
  return result;
}

/** `cudaBuilt() → boolean`: libtorch has CUDA, whether or not a device is there. */
napi_value cudaBuilt(Call& call) { return call.fromBoolean(builtWithCuda()); }

/** `cudaVersions() → [CUDA runtime, cuDNN]`, each 0 without. */
napi_value cudaVersions(Call& call) {
  const bool cuda = builtWithCuda();
  const bool cudnn = cuda && at::detail::getCUDAHooks().hasCuDNN();
  napi_value result;
  call.check(napi_create_array_with_length(call.env, 2, &result));
  call.check(napi_set_element(call.env, result, 0, call.fromNumber(cuda ? static_cast<double>(at::detail::getCUDAHooks().versionCUDART()) : 0)));
  call.check(napi_set_element(call.env, result, 1, call.fromNumber(cudnn ? static_cast<double>(at::detail::getCUDAHooks().versionCuDNN()) : 0)));
  return result;
}

}  // namespace

Exports deviceExports() {
  Exports all = {{"currentDevice", guarded<currentDevice>},
                 {"exchangeDevice", guarded<exchangeDevice>},
                 {"synchronizeDevice", guarded<synchronizeDevice>},
                 {"cudaFeatures", guarded<cudaFeatures>},
                 {"cudaBuilt", guarded<cudaBuilt>},
                 {"cudaVersions", guarded<cudaVersions>}};
  for (const Exports& group : {streamExports(), backendExports(), randomExports(), cudaMemoryExports(), cudaPropertyExports(), cudaGraphExports(),
                               cudaSyncExports()})
    all.insert(all.end(), group.begin(), group.end());
  return all;
}

}  // namespace suave
