// The state of random number generators as a tensor of bytes, on the CPU and on CUDA devices.
#include <mutex>

#include "devices.h"

namespace suave {
namespace {

at::Generator defaultGenerator(const Call& call, size_t index) {
  const c10::Device device(call.string(index, "device"));
  if (device.is_cuda()) {
    const auto count = cudaGuard().deviceCount();
    if (device.has_index() && device.index() >= count)
      throw ArgumentError("device: expected an index from 0 to " + std::to_string(count - 1) + ", got " + device.str());
  } else if (!device.is_cpu()) {
    throw ArgumentError("device: expected 'cpu' or 'cuda', got '" + device.str() + "'");
  }
  return at::globalContext().defaultGenerator(device);
}

at::Generator generatorOf(const Call& call, size_t index) {
  const auto found = call.state->generators.find(static_cast<uint32_t>(call.number(index, "generator")));
  if (found == call.state->generators.end()) throw ArgumentError("generator: it was disposed of");
  return found->second;
}

napi_value stateOf(const Call& call, at::Generator generator) {
  std::lock_guard<std::mutex> lock(generator.mutex());
  return call.adopt(generator.get_state());
}

void setState(at::Generator generator, const at::Tensor& state) {
  if (!state.device().is_cpu() || state.scalar_type() != at::kByte || state.dim() != 1)
    throw ArgumentError("state: expected a uint8 tensor of one dimension on the cpu, as the getter gives it, got " + c10::str(state.toString()) +
                        c10::str(state.sizes()));
  const at::Tensor contiguous = state.contiguous();
  std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_state(contiguous);
}

/** `rngState(device) → handle`: a copy of the state of the device's own generator. */
napi_value rngState(Call& call) { return stateOf(call, defaultGenerator(call, 0)); }

/** `setRngState(device, state)` */
napi_value setRngState(Call& call) {
  setState(defaultGenerator(call, 0), call.tensor(1));
  return nullptr;
}

/** `manualSeedDevice(device, seed)`: seeds one device's own generator. */
napi_value manualSeedDevice(Call& call) {
  at::Generator generator = defaultGenerator(call, 0);
  std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_current_seed(static_cast<uint64_t>(call.number(1, "seed")));
  return nullptr;
}

napi_value generatorState(Call& call) { return stateOf(call, generatorOf(call, 0)); }

napi_value generatorSetState(Call& call) {
  setState(generatorOf(call, 0), call.tensor(1));
  return nullptr;
}

napi_value generatorDevice(Call& call) { return call.fromString(generatorOf(call, 0).device().str()); }

}  // namespace

Exports randomExports() {
  return {{"rngState", guarded<rngState>},
          {"setRngState", guarded<setRngState>},
          {"manualSeedDevice", guarded<manualSeedDevice>},
          {"generatorState", guarded<generatorState>},
          {"generatorSetState", guarded<generatorSetState>},
          {"generatorDevice", guarded<generatorDevice>}};
}

}  // namespace suave
