// Automatic differentiation: backward, gradients of a list of parameters in one call.
#include "autograd.h"

#include <torch/csrc/autograd/autograd.h>

#include <cstring>

namespace suave {

AutogradEnvironment::~AutogradEnvironment() {
  endAnomalyRegions(*this);
  script->close();
}

AutogradEnvironment& autogradOf(const Call& call) {
  std::shared_ptr<void>& own = call.state->autograd;
  if (!own) own = std::make_shared<AutogradEnvironment>(call.env);
  return *static_cast<AutogradEnvironment*>(own.get());
}

namespace {

/** A list in which each must be a tensor: what is set on an undefined one would be set on all of them. */
std::vector<at::Tensor> definedTensors(const Call& call, size_t index, const char* what) {
  auto tensors = call.tensors(index, what);
  for (const at::Tensor& tensor : tensors)
    if (!tensor.defined()) throw ArgumentError(std::string(what) + ": expected a list of Tensors without null");
  return tensors;
}

/** libtorch's words with our names of its options. */
std::string withOurNames(std::string text) {
  static const std::pair<const char*, const char*> kNames[] = {{"retain_graph=True", "retainGraph: true"},
                                                               {"create_graph=True", "createGraph: true"},
                                                               {"allow_unused=True", "allowUnused: true"},
                                                               {"retain_grad()", "retainGrad()"},
                                                               {".backward() or autograd.grad()", "backward() or grad()"},
                                                               {"the backtrace further above shows", "the calls below show"},
                                                               {"with torch.autograd.set_detect_anomaly(True)", "detectAnomaly"}};
  for (const auto& name : kNames) {
    for (size_t at = text.find(name.first); at != std::string::npos; at = text.find(name.first, at + 1))
      text.replace(at, std::strlen(name.first), name.second);
  }
  return text;
}

/** What a body threw in this backward pass, as it was. */
bool rethrowScriptError(const Call& call, AutogradEnvironment& own) {
  if (own.scriptError == nullptr) return false;
  napi_value box, error;
  const bool found = napi_get_reference_value(call.env, own.scriptError, &box) == napi_ok && napi_get_element(call.env, box, 0, &error) == napi_ok;
  napi_delete_reference(call.env, own.scriptError);
  own.scriptError = nullptr;
  if (found) napi_throw(call.env, error);
  return found;
}

}  // namespace

void runEngine(const Call& call, const std::function<void()>& work) {
  AutogradEnvironment& own = autogradOf(call);
  own.script->sweep();
  std::string message;
  try {
    if (own.alwaysServe || checkpointsOnDevices()) {
      own.script->serveWhile(work);
    } else {
      work();
    }
    return;
  } catch (const PendingException&) {
    throw;
  } catch (const DisposedError&) {
    throw;
  } catch (const ArgumentError&) {
    throw;
  } catch (const c10::Error& error) {
    message = error.what_without_backtrace();
  } catch (const std::exception& error) {
    message = error.what();
  }
  std::string node, stack;
  {
    std::lock_guard<std::mutex> lock(own.anomaly->mutex);
    node.swap(own.anomaly->nodeName);
    stack.swap(own.anomaly->text);
  }
  // A body that runs inside a backward pass inside a body: the error passes through both, the outer call throws it.
  if (rethrowScriptError(call, own)) throw PendingException{};
  message = withOurNames(message);
  if (!node.empty()) throw OperatorError(node, "", message + "\n" + stack, "ERR_TORCH_ANOMALY");
  const bool memory = message.find("out of memory") != std::string::npos || message.find("can't allocate memory") != std::string::npos;
  throw OperatorError("backward", "", message, memory ? "ERR_TORCH_OUT_OF_MEMORY" : "ERR_TORCH_AUTOGRAD");
}

namespace {

/** `tensor 2 (float32 [3, 4])`. */
std::string nameOf(const char* what, size_t position, const at::Tensor& tensor) {
  return std::string(what) + " " + std::to_string(position) + " (" + dtypeName(tensor.scalar_type()) + " " + c10::str(tensor.sizes()) + ")";
}

/** What libtorch would refuse in words of Python. */
void checkOutputs(const char* where, const std::vector<at::Tensor>& outputs, const std::vector<at::Tensor>& seeds) {
  if (!seeds.empty() && seeds.size() != outputs.size())
    throw ArgumentError(std::string(where) + ": expected one gradient for each of " + std::to_string(outputs.size()) + " outputs, got " + std::to_string(seeds.size()));
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!outputs[i].defined()) throw ArgumentError(std::string(where) + ": expected a Tensor");
    if (!outputs[i].requires_grad())
      throw ArgumentError(std::string(where) + ": " + nameOf("output", i, outputs[i]) +
                          " depends on no tensor that requires grad. Set requiresGrad on a leaf, and compute outside noGrad.");
    const bool seeded = i < seeds.size() && seeds[i].defined();
    if (!seeded && outputs[i].numel() != 1)
      throw ArgumentError(std::string(where) + ": " + nameOf("output", i, outputs[i]) +
                          " is not a scalar. Reduce it, e.g. by sum() or mean(), or give the gradient that comes into it.");
    if (seeded && seeds[i].sizes() != outputs[i].sizes())
      throw ArgumentError(std::string(where) + ": expected a gradient of the shape of " + nameOf("output", i, outputs[i]) + ", got " + c10::str(seeds[i].sizes()));
  }
}

void checkInputs(const char* where, const std::vector<at::Tensor>& inputs) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].defined()) throw ArgumentError(std::string(where) + ": expected a Tensor");
    if (!inputs[i].requires_grad())
      throw ArgumentError(std::string(where) + ": " + nameOf("input", i, inputs[i]) + " does not require grad. Set its requiresGrad before computing.");
  }
}

/** `backward(tensor, gradient | 0, retainGraph, createGraph)`. */
napi_value backward(Call& call) {
  const at::Tensor tensor = call.tensor(0);
  torch::autograd::variable_list gradients;
  if (call.number(1, "gradient") != 0) gradients.push_back(call.tensor(1));
  checkOutputs("backward", {tensor}, gradients);
  const bool create = call.boolean(3, false);
  const bool retain = call.boolean(2, create);
  runEngine(call, [&] { torch::autograd::backward({tensor}, gradients, retain, create); });
  return nullptr;
}

/** `backwardMany(tensors, gradients, retainGraph, createGraph, inputs)`: accumulates into `inputs` alone when there are some. */
napi_value backwardMany(Call& call) {
  const auto tensors = call.tensors(0, "tensors");
  const auto gradients = call.tensors(1, "gradients");
  const auto inputs = call.tensors(4, "inputs");
  checkOutputs("backward", tensors, gradients);
  checkInputs("backward", inputs);
  const bool create = call.boolean(3, false);
  const bool retain = call.boolean(2, create);
  runEngine(call, [&] { torch::autograd::backward(tensors, gradients, retain, create, inputs); });
  return nullptr;
}

/** `grad(outputs, inputs, gradOutputs, retainGraph, createGraph, allowUnused) → handles`, 0 for an unused input. */
napi_value grad(Call& call) {
  const auto outputs = definedTensors(call, 0, "outputs");
  const auto inputs = definedTensors(call, 1, "inputs");
  const auto seeds = call.tensors(2, "gradOutputs");
  checkOutputs("grad", outputs, seeds);
  checkInputs("grad", inputs);
  const bool create = call.boolean(4, false);
  const bool retain = call.boolean(3, create);
  std::vector<at::Tensor> gradients;
  runEngine(call, [&] { gradients = torch::autograd::grad(outputs, inputs, seeds, retain, create, true); });
  if (!call.boolean(5, false)) {
    for (size_t i = 0; i < inputs.size(); ++i)
      if (!gradients[i].defined())
        throw ArgumentError("grad: " + nameOf("input", i, inputs[i]) + " was not used for the outputs. Leave it out, or pass allowUnused: true to get null for it.");
  }
  return call.fromHandlesInRing(gradients);
}

napi_value requiresGrad(Call& call) { return call.fromBoolean(call.tensor(0).requires_grad()); }

napi_value setRequiresGrad(Call& call) {
  const bool value = call.boolean(1, true);
  for (const at::Tensor& tensor : definedTensors(call, 0, "tensors")) {
    if (!value && tensor.requires_grad() && !tensor.is_leaf())
      throw ArgumentError("requiresGrad: can be turned off on leaves only. Use detach() for a tensor that is not part of the graph.");
    tensor.set_requires_grad(value);
  }
  return nullptr;
}

napi_value isLeaf(Call& call) { return call.fromBoolean(call.tensor(0).is_leaf()); }

/** `gradient(tensor) → handle`, 0 where it is absent. */
napi_value gradient(Call& call) {
  const at::Tensor& value = call.tensor(0).grad();
  return value.defined() ? call.adopt(value) : call.fromNumber(0);
}

/** `retainGrad(tensor)`: a tensor inside the graph keeps its gradient as leaves do. */
napi_value retainGrad(Call& call) {
  const at::Tensor& tensor = call.tensor(0);
  if (!tensor.requires_grad()) throw ArgumentError("retainGrad: the tensor does not require grad. Compute it from one that does, outside noGrad.");
  tensor.retain_grad();
  return nullptr;
}

/** `gradients(parameters) → handles`, 0 where the gradient is absent. */
napi_value gradients(Call& call) {
  std::vector<at::Tensor> result;
  for (const at::Tensor& tensor : definedTensors(call, 0, "parameters")) result.push_back(tensor.grad());
  return call.fromHandlesInRing(result);
}

/** What PyTorch's `grad` refuses to be set to. */
void checkGradient(const at::Tensor& parameter, const at::Tensor& value, size_t position) {
  if (value.is_same(parameter)) throw ArgumentError("grad: a tensor cannot be its own gradient. Give a copy: clone().");
  if (value.sizes() == parameter.sizes() && value.scalar_type() == parameter.scalar_type() && value.device() == parameter.device()) return;
  throw ArgumentError("grad: expected a gradient of shape, dtype and device of " + nameOf("parameter", position, parameter) + " on " +
                      parameter.device().str() + ", got " + dtypeName(value.scalar_type()) + " " + c10::str(value.sizes()) + " on " + value.device().str() + ".");
}

/** `setGradients(parameters, gradients | null)`: one for each parameter; null or a 0 makes it absent. */
napi_value setGradients(Call& call) {
  const auto parameters = definedTensors(call, 0, "parameters");
  std::vector<at::Tensor> values(parameters.size());
  if (!call.missing(1)) values = call.tensors(1, "gradients");
  if (values.size() != parameters.size()) throw ArgumentError("setGradients: expected one gradient for each parameter");
  for (size_t i = 0; i < parameters.size(); ++i)
    if (values[i].defined()) checkGradient(parameters[i], values[i], i);
  for (size_t i = 0; i < parameters.size(); ++i) parameters[i].mutable_grad() = values[i];
  return nullptr;
}

}  // namespace

Exports autogradExports() {
  return {{"backward", guarded<backward>},         {"backwardMany", guarded<backwardMany>},       {"grad", guarded<grad>},
          {"requiresGrad", guarded<requiresGrad>}, {"setRequiresGrad", guarded<setRequiresGrad>}, {"isLeaf", guarded<isLeaf>},
          {"retainGrad", guarded<retainGrad>},
          {"gradient", guarded<gradient>},         {"gradients", guarded<gradients>},       {"setGradients", guarded<setGradients>}};
}

}  // namespace suave
