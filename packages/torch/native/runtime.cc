// The library itself: version, threads, seeds, generators, CUDA, custom operator libraries.
#include "environment.h"

#include <ATen/Config.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/CPUGeneratorImpl.h>
#include <dlfcn.h>
#include <torch/version.h>

namespace suave {
namespace {

napi_value version(Call& call) { return call.fromString(TORCH_VERSION); }

/** Where the libtorch in this process was loaded from. */
napi_value libraryPath(Call& call) {
  Dl_info info;
  return call.fromString(dladdr(reinterpret_cast<const void*>(&at::get_num_threads), &info) != 0 && info.dli_fname != nullptr ? info.dli_fname : "");
}

napi_value config(Call& call) { return call.fromString(at::get_mkldnn_version() + at::get_openmp_version() + at::get_mkl_version()); }

napi_value setNumThreads(Call& call) {
  const double threads = call.number(0, "threads");
  if (!(threads >= 1 && threads <= 4096)) throw ArgumentError("setNumThreads: expected an integer from 1 to 4096");
  at::set_num_threads(static_cast<int>(threads));
  return nullptr;
}

napi_value getNumThreads(Call& call) { return call.fromNumber(at::get_num_threads()); }

napi_value manualSeed(Call& call) {
  at::manual_seed(static_cast<uint64_t>(call.number(0, "seed")));
  return nullptr;
}

/** `generatorCreate(device, seed) → id`. */
napi_value generatorCreate(Call& call) {
  const c10::Device device(call.string(0, "device"));
  at::Generator generator;
  if (device.is_cpu()) {
    generator = at::make_generator<at::CPUGeneratorImpl>(static_cast<uint64_t>(call.number(1, "seed")));
  } else {
    generator = at::globalContext().defaultGenerator(device).clone();
    std::lock_guard<std::mutex> lock(generator.mutex());
    generator.set_current_seed(static_cast<uint64_t>(call.number(1, "seed")));
  }
  const uint32_t id = call.state->nextId++;
  call.state->generators.emplace(id, std::move(generator));
  return call.fromNumber(id);
}

napi_value generatorSeed(Call& call) {
  const auto found = call.state->generators.find(static_cast<uint32_t>(call.number(0, "generator")));
  if (found == call.state->generators.end()) throw ArgumentError("generator: it was disposed of");
  std::lock_guard<std::mutex> lock(found->second.mutex());
  found->second.set_current_seed(static_cast<uint64_t>(call.number(1, "seed")));
  return nullptr;
}

napi_value generatorDispose(Call& call) {
  call.state->generators.erase(static_cast<uint32_t>(call.number(0, "generator")));
  return nullptr;
}

napi_value cudaAvailable(Call& call) { return call.fromBoolean(at::hasCUDA() && at::getNumGPUs() > 0); }
napi_value cudaDevices(Call& call) { return call.fromNumber(at::hasCUDA() ? static_cast<double>(at::getNumGPUs()) : 0); }

/** `loadLibrary(path)`: its static initialisers register their operators with the dispatcher of this process. */
napi_value loadLibrary(Call& call) {
  const std::string path = call.string(0, "path");
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL) == nullptr) {
    const char* reason = dlerror();
    throw ArgumentError("loadLibrary: " + std::string(reason != nullptr ? reason : path));
  }
  return nullptr;
}

napi_value setErrorFactory(Call& call) {
  call.check(napi_create_reference(call.env, call.argv[0], 1, &call.state->errorFactory));
  return nullptr;
}

}  // namespace

Exports runtimeExports() {
  return {{"version", guarded<version>},
          {"libraryPath", guarded<libraryPath>},
          {"config", guarded<config>},
          {"setNumThreads", guarded<setNumThreads>},
          {"getNumThreads", guarded<getNumThreads>},
          {"manualSeed", guarded<manualSeed>},
          {"generatorCreate", guarded<generatorCreate>},
          {"generatorSeed", guarded<generatorSeed>},
          {"generatorDispose", guarded<generatorDispose>},
          {"cudaAvailable", guarded<cudaAvailable>},
          {"cudaDevices", guarded<cudaDevices>},
          {"loadLibrary", guarded<loadLibrary>},
          {"setErrorFactory", guarded<setErrorFactory>}};
}

}  // namespace suave
