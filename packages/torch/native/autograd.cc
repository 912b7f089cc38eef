// Automatic differentiation: backward, gradients of a list of parameters in one call, grad mode, autocast.
#include "environment.h"

#include <ATen/autocast_mode.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/version.h>

namespace suave {
namespace {

/** A list in which each must be a tensor: what is set on an undefined one would be set on all of them. */
std::vector<at::Tensor> definedTensors(const Call& call, size_t index, const char* what) {
  auto tensors = call.tensors(index, what);
  for (const at::Tensor& tensor : tensors)
    if (!tensor.defined()) throw ArgumentError(std::string(what) + ": expected a list of Tensors without null");
  return tensors;
}

/** `backward(tensor, gradient | 0, retainGraph, createGraph)`. */
napi_value backward(Call& call) {
  const at::Tensor tensor = call.tensor(0);
  torch::autograd::variable_list gradients;
  if (call.number(1, "gradient") != 0) gradients.push_back(call.tensor(1));
  const bool create = call.boolean(3, false);
  torch::autograd::backward({tensor}, gradients, call.boolean(2, create), create);
  return nullptr;
}

/** `grad(outputs, inputs, gradOutputs, retainGraph, createGraph, allowUnused) → handles`, 0 for an unused input. */
napi_value grad(Call& call) {
  const auto outputs = definedTensors(call, 0, "outputs");
  const auto inputs = definedTensors(call, 1, "inputs");
  const auto seeds = call.tensors(2, "gradOutputs");
  const bool create = call.boolean(4, false);
  return call.fromHandlesInRing(torch::autograd::grad(outputs, inputs, seeds, call.boolean(3, create), create, call.boolean(5, false)));
}

napi_value requiresGrad(Call& call) { return call.fromBoolean(call.tensor(0).requires_grad()); }

napi_value setRequiresGrad(Call& call) {
  const bool value = call.boolean(1, true);
  for (const at::Tensor& tensor : definedTensors(call, 0, "tensors")) tensor.set_requires_grad(value);
  return nullptr;
}

napi_value isLeaf(Call& call) { return call.fromBoolean(call.tensor(0).is_leaf()); }

/** `gradient(tensor) → handle`, 0 where it is absent. */
napi_value gradient(Call& call) {
  const at::Tensor& value = call.tensor(0).grad();
  return value.defined() ? call.adopt(value) : call.fromNumber(0);
}

/** `gradients(parameters) → handles`, 0 where the gradient is absent. */
napi_value gradients(Call& call) {
  std::vector<at::Tensor> result;
  for (const at::Tensor& tensor : definedTensors(call, 0, "parameters")) result.push_back(tensor.grad());
  return call.fromHandlesInRing(result);
}

/** `setGradients(parameters, gradients | null)`: one for each parameter; null or a 0 makes it absent. */
napi_value setGradients(Call& call) {
  const auto parameters = definedTensors(call, 0, "parameters");
  std::vector<at::Tensor> values(parameters.size());
  if (!call.missing(1)) values = call.tensors(1, "gradients");
  if (values.size() != parameters.size()) throw ArgumentError("setGradients: expected one gradient for each parameter");
  for (size_t i = 0; i < parameters.size(); ++i) parameters[i].mutable_grad() = values[i];
  return nullptr;
}

napi_value gradEnabled(Call& call) { return call.fromBoolean(c10::GradMode::is_enabled()); }

napi_value setGradEnabled(Call& call) {
  const bool before = c10::GradMode::is_enabled();
  c10::GradMode::set_enabled(call.boolean(0, true));
  return call.fromBoolean(before);
}


/** `autocastBegin(deviceType, dtype)`: nested regions end in the reverse order with what this returns. */
napi_value autocastBegin(Call& call) {
  const std::string type = call.string(0, "device");
  const auto dtype = parseDtype(call.string(1, "dtype"));
  if (type != "cpu" && type != "cuda") throw ArgumentError("autocast: expected device 'cpu' or 'cuda', got '" + type + "'");
  bool before = false;
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
  const auto deviceType = type == "cuda" ? at::kCUDA : at::kCPU;
  before = at::autocast::is_autocast_enabled(deviceType);
  at::autocast::set_autocast_enabled(deviceType, true);
  at::autocast::set_autocast_dtype(deviceType, dtype);
#else
  if (type == "cuda") {
    before = at::autocast::is_enabled();
    at::autocast::set_enabled(true);
    at::autocast::set_autocast_gpu_dtype(dtype);
  } else {
    before = at::autocast::is_cpu_enabled();
    at::autocast::set_cpu_enabled(true);
    at::autocast::set_autocast_cpu_dtype(dtype);
  }
#endif
  at::autocast::increment_nesting();
  return call.fromBoolean(before);
}

/** `autocastEnd(deviceType, enabledBefore)`. */
napi_value autocastEnd(Call& call) {
  const bool cuda = call.string(0, "device") == "cuda";
  const bool before = call.boolean(1, false);
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
  at::autocast::set_autocast_enabled(cuda ? at::kCUDA : at::kCPU, before);
#else
  if (cuda) at::autocast::set_enabled(before);
  else at::autocast::set_cpu_enabled(before);
#endif
  return nullptr;
}

}  // namespace

Exports autogradExports() {
  return {{"backward", guarded<backward>},
          {"grad", guarded<grad>},
          {"requiresGrad", guarded<requiresGrad>},
          {"setRequiresGrad", guarded<setRequiresGrad>},
          {"isLeaf", guarded<isLeaf>},
          {"gradient", guarded<gradient>},
          {"gradients", guarded<gradients>},
          {"setGradients", guarded<setGradients>},
          {"gradEnabled", guarded<gradEnabled>},
          {"setGradEnabled", guarded<setGradEnabled>},
          {"autocastBegin", guarded<autocastBegin>},
          {"autocastEnd", guarded<autocastEnd>}};
}

}  // namespace suave
