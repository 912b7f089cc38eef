// Modes of a thread: recording, inference, automatic casting. Regions end in the reverse order of their beginnings.
#include "autograd.h"

#include <ATen/autocast_mode.h>
#include <c10/core/GradMode.h>
#include <torch/version.h>

#define SUAVE_AUTOCAST_BY_DEVICE (TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4))

namespace suave {

AutocastState AutocastState::current() {
  AutocastState state;
#if SUAVE_AUTOCAST_BY_DEVICE
  state.cpu = {at::autocast::is_autocast_enabled(at::kCPU), at::autocast::get_autocast_dtype(at::kCPU)};
  state.cuda = {at::autocast::is_autocast_enabled(at::kCUDA), at::autocast::get_autocast_dtype(at::kCUDA)};
#else
  state.cpu = {at::autocast::is_cpu_enabled(), at::autocast::get_autocast_cpu_dtype()};
  state.cuda = {at::autocast::is_enabled(), at::autocast::get_autocast_gpu_dtype()};
#endif
  state.cacheEnabled = at::autocast::is_autocast_cache_enabled();
  return state;
}

void AutocastState::apply() const {
#if SUAVE_AUTOCAST_BY_DEVICE
  at::autocast::set_autocast_enabled(at::kCPU, cpu.enabled);
  at::autocast::set_autocast_dtype(at::kCPU, cpu.dtype);
  at::autocast::set_autocast_enabled(at::kCUDA, cuda.enabled);
  at::autocast::set_autocast_dtype(at::kCUDA, cuda.dtype);
#else
  at::autocast::set_cpu_enabled(cpu.enabled);
  at::autocast::set_autocast_cpu_dtype(cpu.dtype);
  at::autocast::set_enabled(cuda.enabled);
  at::autocast::set_autocast_gpu_dtype(cuda.dtype);
#endif
  at::autocast::set_autocast_cache_enabled(cacheEnabled);
}

namespace {

napi_value gradEnabled(Call& call) { return call.fromBoolean(c10::GradMode::is_enabled()); }

/** `setGradEnabled(enabled) → before`. */
napi_value setGradEnabled(Call& call) {
  const bool before = c10::GradMode::is_enabled();
  c10::GradMode::set_enabled(call.boolean(0, true));
  return call.fromBoolean(before);
}

napi_value inferenceBegin(Call& call) {
  autogradOf(call).inference.push_back(std::make_unique<c10::InferenceMode>(call.boolean(0, true)));
  return nullptr;
}

napi_value inferenceEnd(Call& call) {
  auto& open = autogradOf(call).inference;
  if (open.empty()) throw ArgumentError("inferenceMode: no region is open");
  open.pop_back();
  return nullptr;
}

napi_value inferenceEnabled(Call& call) { return call.fromBoolean(c10::InferenceMode::is_enabled()); }

AutocastState::Region& regionOf(AutocastState& state, const std::string& device) {
  if (device == "cpu") return state.cpu;
  if (device == "cuda") return state.cuda;
  throw ArgumentError("autocast: expected device 'cpu' or 'cuda', got '" + device + "'");
}

/** A state as [cpu enabled, its dtype, cuda enabled, its dtype, cache enabled]. */
napi_value pack(const Call& call, const AutocastState& state) {
  const std::pair<const char*, napi_value> entries[] = {{"0", call.fromBoolean(state.cpu.enabled)},
                                                        {"1", call.fromString(dtypeName(state.cpu.dtype))},
                                                        {"2", call.fromBoolean(state.cuda.enabled)},
                                                        {"3", call.fromString(dtypeName(state.cuda.dtype))},
                                                        {"4", call.fromBoolean(state.cacheEnabled)}};
  napi_value result;
  call.check(napi_create_array_with_length(call.env, 5, &result));
  for (const auto& entry : entries) call.check(napi_set_named_property(call.env, result, entry.first, entry.second));
  return result;
}

AutocastState unpack(const Call& call, napi_value packed) {
  napi_value values[5];
  for (uint32_t i = 0; i < 5; ++i) call.check(napi_get_element(call.env, packed, i, &values[i]));
  AutocastState state;
  call.check(napi_get_value_bool(call.env, values[0], &state.cpu.enabled));
  state.cpu.dtype = parseDtype(readString(call.env, values[1], "dtype"));
  call.check(napi_get_value_bool(call.env, values[2], &state.cuda.enabled));
  state.cuda.dtype = parseDtype(readString(call.env, values[3], "dtype"));
  call.check(napi_get_value_bool(call.env, values[4], &state.cacheEnabled));
  return state;
}

/** `autocastBegin(device | '', dtype, cacheEnabled) → before`: turns casting on for a device, or off for all of them. */
napi_value autocastBegin(Call& call) {
  const AutocastState before = AutocastState::current();
  AutocastState state = before;
  const std::string device = call.string(0, "device");
  if (device.empty()) {
    state.cpu.enabled = state.cuda.enabled = false;
  } else {
    regionOf(state, device) = {true, parseDtype(call.string(1, "dtype"))};
    state.cacheEnabled = call.boolean(2, true);
  }
  const napi_value packed = pack(call, before);
  state.apply();
  at::autocast::increment_nesting();
  return packed;
}

/** `autocastEnd(before)`; casts that the outermost region remembered are forgotten. */
napi_value autocastEnd(Call& call) {
  const AutocastState before = unpack(call, call.argv[0]);
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  before.apply();
  return nullptr;
}

/** `autocastDtype(device) → dtype`, '' where nothing is cast. */
napi_value autocastDtype(Call& call) {
  AutocastState state = AutocastState::current();
  const auto& region = regionOf(state, call.string(0, "device"));
  return call.fromString(region.enabled ? dtypeName(region.dtype) : "");
}

}  // namespace

Exports modeExports() {
  return {{"gradEnabled", guarded<gradEnabled>},       {"setGradEnabled", guarded<setGradEnabled>}, {"inferenceBegin", guarded<inferenceBegin>},
          {"inferenceEnd", guarded<inferenceEnd>},     {"inferenceEnabled", guarded<inferenceEnabled>}, {"autocastBegin", guarded<autocastBegin>},
          {"autocastEnd", guarded<autocastEnd>},       {"autocastDtype", guarded<autocastDtype>}};
}

}  // namespace suave
