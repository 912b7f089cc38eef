// Switches of the math libraries and of determinism. They hold for the whole process, worker threads too.
#include "devices.h"

namespace suave {
namespace {

using at::Context;

// The switch of reduced-precision sums of bfloat16 came with 2.0, those of attention one after the other; the return type of
// the first changed. Only the overload that fits the loaded version's class is instantiated.

bool allowed(bool value) { return value; }
template <typename Option>
bool allowed(Option value) {
  return static_cast<int>(value) == 0;  // CuBLASReductionOption::AllowReducedPrecisionWithSplitK
}

struct Switch {
  const char* name;
  bool (*get)(Context&);
  void (*set)(Context&, bool);
};

#define SUAVE_SWITCH(name, getter, setter) \
  { name, [](Context& context) { return allowed(context.getter()); }, [](Context& context, bool value) { context.setter(value); } }

const Switch kSwitches[] = {
    SUAVE_SWITCH("cudnn.enabled", userEnabledCuDNN, setUserEnabledCuDNN),
    SUAVE_SWITCH("cudnn.benchmark", benchmarkCuDNN, setBenchmarkCuDNN),
    SUAVE_SWITCH("cudnn.deterministic", deterministicCuDNN, setDeterministicCuDNN),
    SUAVE_SWITCH("cudnn.allowTF32", allowTF32CuDNN, setAllowTF32CuDNN),
    SUAVE_SWITCH("cuda.matmul.allowTF32", allowTF32CuBLAS, setAllowTF32CuBLAS),
    SUAVE_SWITCH("cuda.matmul.allowFp16ReducedPrecisionReduction", allowFP16ReductionCuBLAS, setAllowFP16ReductionCuBLAS),
    SUAVE_SWITCH("cuda.flashSdp", userEnabledFlashSDP, setSDPUseFlash),
    SUAVE_SWITCH("cuda.mathSdp", userEnabledMathSDP, setSDPUseMath),
    SUAVE_SWITCH("mkldnn.enabled", userEnabledMkldnn, setUserEnabledMkldnn),
#if SUAVE_TORCH_AT_LEAST(2, 0)
    SUAVE_SWITCH("cuda.matmul.allowBf16ReducedPrecisionReduction", allowBF16ReductionCuBLAS, setAllowBF16ReductionCuBLAS),
    SUAVE_SWITCH("cuda.memEfficientSdp", userEnabledMemEfficientSDP, setSDPUseMemEfficient),
#endif
#if SUAVE_TORCH_AT_LEAST(2, 4)
    SUAVE_SWITCH("cuda.cudnnSdp", userEnabledCuDNNSDP, setSDPUseCuDNN),
#endif
};

#undef SUAVE_SWITCH

const Switch& switchOf(const Call& call) {
  const std::string name = call.string(0, "switch");
  for (const Switch& entry : kSwitches)
    if (name == entry.name) return entry;
  throw OperatorError("", "", "backends." + name + ": libtorch " TORCH_VERSION " does not have this switch. Use a newer libtorch.",
                      "ERR_TORCH_CUDA_FEATURE");
}

/** `getSwitch(name) → boolean` */
napi_value getSwitch(Call& call) { return call.fromBoolean(switchOf(call).get(at::globalContext())); }

/** `setSwitch(name, value)` */
napi_value setSwitch(Call& call) {
  switchOf(call).set(at::globalContext(), call.boolean(1, false));
  return nullptr;
}

napi_value getBenchmarkLimit(Call& call) { return call.fromNumber(at::globalContext().benchmarkLimitCuDNN()); }

napi_value setBenchmarkLimit(Call& call) {
  at::globalContext().setBenchmarkLimitCuDNN(static_cast<int>(call.number(0, "benchmarkLimit")));
  return nullptr;
}

napi_value getFloat32MatmulPrecision(Call& call) {
  switch (at::globalContext().float32MatmulPrecision()) {
    case at::Float32MatmulPrecision::HIGHEST: return call.fromString("highest");
    case at::Float32MatmulPrecision::HIGH: return call.fromString("high");
    default: return call.fromString("medium");
  }
}

napi_value setFloat32MatmulPrecision(Call& call) {
  const std::string precision = call.string(0, "precision");
  // libtorch warns of other words, and ends the process over a long one
  if (precision != "highest" && precision != "high" && precision != "medium") throw ArgumentError("precision: expected 'highest', 'high' or 'medium'");
  at::globalContext().setFloat32MatmulPrecision(precision);
  return nullptr;
}

/** `setDeterministicAlgorithms(on, warnOnly)` */
napi_value setDeterministicAlgorithms(Call& call) {
  at::globalContext().setDeterministicAlgorithms(call.boolean(0, true), call.boolean(1, false));
  return nullptr;
}

/** `deterministicAlgorithms() → 0 off, 1 warns, 2 refuses` */
napi_value deterministicAlgorithms(Call& call) {
  const Context& context = at::globalContext();
  return call.fromNumber(!context.deterministicAlgorithms() ? 0 : context.deterministicAlgorithmsWarnOnly() ? 1 : 2);
}

napi_value mkldnnAvailable(Call& call) { return call.fromBoolean(Context::hasMKLDNN()); }

}  // namespace

Exports backendExports() {
  return {{"getSwitch", guarded<getSwitch>},
          {"setSwitch", guarded<setSwitch>},
          {"getBenchmarkLimit", guarded<getBenchmarkLimit>},
          {"setBenchmarkLimit", guarded<setBenchmarkLimit>},
          {"getFloat32MatmulPrecision", guarded<getFloat32MatmulPrecision>},
          {"setFloat32MatmulPrecision", guarded<setFloat32MatmulPrecision>},
          {"setDeterministicAlgorithms", guarded<setDeterministicAlgorithms>},
          {"deterministicAlgorithms", guarded<deterministicAlgorithms>},
          {"mkldnnAvailable", guarded<mkldnnAvailable>}};
}

}  // namespace suave
