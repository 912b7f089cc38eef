// Operator calls through the boxed dispatcher: a plan per operator, then convert, call, wrap.
#include <ATen/core/DimVector.h>
#include <c10/util/Exception.h>
#include <torch/version.h>

#include <sstream>

#include "convert.h"
#include "trace.h"

namespace suave {
namespace {

using c10::IValue;
using c10::TypeKind;

Kind scalarKind(const c10::Type& type) {
  switch (type.kind()) {
    case TypeKind::TensorType: return Kind::Tensor;
    case TypeKind::NumberType: return Kind::Scalar;
    case TypeKind::IntType:
    case TypeKind::SymIntType: return Kind::Int;
    case TypeKind::FloatType: return Kind::Float;
    case TypeKind::BoolType: return Kind::Bool;
    case TypeKind::StringType: return Kind::String;
    case TypeKind::DeviceObjType: return Kind::Device;
    case TypeKind::GeneratorType: return Kind::Generator;
    default: return Kind::Unsupported;
  }
}

Kind listKind(const c10::Type& element) {
  if (element.kind() == TypeKind::OptionalType) {
    const auto& inner = element.expectRef<c10::OptionalType>().getElementType();
    return inner->kind() == TypeKind::TensorType ? Kind::OptionalTensorList : Kind::Unsupported;
  }
  switch (scalarKind(element)) {
    case Kind::Tensor: return Kind::TensorList;
    case Kind::Scalar: return Kind::ScalarList;
    case Kind::Int: return Kind::IntList;
    case Kind::Float: return Kind::FloatList;
    case Kind::Bool: return Kind::BoolList;
    case Kind::String: return Kind::StringList;
    default: return Kind::Unsupported;
  }
}

ArgumentPlan planArgument(const c10::Argument& argument, int32_t index) {
  ArgumentPlan plan;
  plan.name = argument.name();
  plan.schemaIndex = index;
  const c10::Type* type = argument.type().get();
  if (type->kind() == TypeKind::OptionalType) {
    plan.optional = true;
    type = type->expectRef<c10::OptionalType>().getElementType().get();
  }
  plan.kind = type->kind() == TypeKind::ListType ? listKind(*type->expectRef<c10::ListType>().getElementType()) : scalarKind(*type);
  plan.enumeration = enumerationOf(argument);
  plan.listSize = argument.N().value_or(0);
  plan.required = !argument.default_value().has_value() && !plan.optional;
  return plan;
}

/** Whether two versions mean the same argument: `from` became `from_`. */
bool sameName(const std::string& a, const std::string& b) { return a == b || a + "_" == b || a == b + "_"; }

std::string describeArguments(const Call& call, const Plan& plan) {
  std::string text;
  for (size_t i = 0; i < plan.arguments.size() && i + 1 < call.argc; ++i) {
    if (!text.empty()) text += ", ";
    text += plan.arguments[i].name + ": " + describe(*call.state, call.env, call.argv[i + 1], plan.arguments[i].kind);
  }
  return text;
}

const Plan& planOf(const Call& call) {
  double index = 0;
  napi_get_value_double(call.env, call.argv[0], &index);
  return *call.state->plans.at(static_cast<size_t>(index));
}

/** Arguments that an operator may resize: results that are given to it, and those of the few that do so in place. */
std::vector<int32_t> resizedBy(const c10::FunctionSchema& schema) {
  const bool inPlace = schema.name().find("resize") != std::string::npos || schema.name() == "aten::set_";
  std::vector<int32_t> indices;
  for (size_t i = 0; i < schema.arguments().size(); ++i) {
    const c10::Argument& argument = schema.arguments()[i];
    const bool written = argument.alias_info() != nullptr && argument.alias_info()->isWrite();
    if (argument.kwarg_only() ? written : inPlace && i == 0) indices.push_back(static_cast<int32_t>(i));
  }
  return indices;
}

/**
 * Sizes and memory of the tensors that an operator may resize. libtorch gives a tensor its new sizes before it gets the memory for
 * them: where that fails (memory lent by JavaScript, or none left), the tensor would reach beyond what it has.
 */
class SizesBefore {
 public:
  SizesBefore(const Plan& plan, const std::vector<IValue>& stack) {
    for (const int32_t index : plan.resized) {
      const IValue& value = stack[static_cast<size_t>(index)];
      if (value.isTensor()) add(value.toTensor());
      else if (value.isTensorList())
        for (const at::Tensor& tensor : value.toTensorVector()) add(tensor);
    }
  }

  void restore() const {
    for (const Saved& saved : saved_) {
      at::TensorImpl* tensor = saved.tensor.unsafeGetTensorImpl();
      if (!saved.tensor.storage().is_alias_of(saved.storage)) tensor->set_storage_keep_dtype(saved.storage);
      if (saved.tensor.sizes() == saved.sizes && saved.tensor.strides() == saved.strides && saved.tensor.storage_offset() == saved.offset) continue;
      tensor->set_storage_offset(saved.offset);
      tensor->set_sizes_and_strides(saved.sizes, saved.strides);
    }
  }

 private:
  struct Saved {
    at::Tensor tensor;
    c10::Storage storage;
    at::DimVector sizes, strides;
    int64_t offset;
  };
  void add(const at::Tensor& tensor) {
    if (tensor.defined() && tensor.has_storage())
      saved_.push_back({tensor, tensor.storage(), at::DimVector(tensor.sizes()), at::DimVector(tensor.strides()), tensor.storage_offset()});
  }
  std::vector<Saved> saved_;
};

void callOperator(const Plan& plan, std::vector<IValue>& stack) {
  if (plan.resized.empty()) {
    plan.op.callBoxed(&stack);
    return;
  }
  const SizesBefore before(plan, stack);
  try {
    plan.op.callBoxed(&stack);
  } catch (...) {
    before.restore();
    throw;
  }
}

/** Converts the arguments and runs the operator; its results are on `state->stack` afterwards. `Traced` writes it down as well. */
template <bool Traced>
void run(Call& call, const Plan& plan) {
  std::vector<IValue>& stack = call.state->stack;
  try {
    stack.assign(plan.defaults.begin(), plan.defaults.end());
    const uint32_t serial = ++call.state->calls;
    const size_t given = call.argc - 1;
    for (size_t i = 0; i < given; ++i) {
      if (i >= plan.arguments.size()) throw ArgumentError("too many arguments");
      const ArgumentPlan& argument = plan.arguments[i];
      napi_value value = call.argv[i + 1];
      if (argument.kind != Kind::Tensor || argument.optional || argument.schemaIndex < 0) {
        napi_valuetype type;
        napi_typeof(call.env, value, &type);
        if (type == napi_undefined) continue;
        if (type == napi_null) {
          if (argument.optional && argument.schemaIndex >= 0) stack[argument.schemaIndex] = IValue();
          continue;
        }
        if (argument.schemaIndex < 0) throw ArgumentError(argument.name + ": libtorch " TORCH_VERSION " does not have this argument. Leave it out, or use a newer libtorch");
      }
      IValue converted = toIValue(call, value, argument);
      if (call.state->calls != serial) throw ArgumentError(argument.name + ": reading it called an operator. Read getters and proxies before the call");
      stack[argument.schemaIndex] = std::move(converted);
    }
    for (const ArgumentPlan& argument : plan.arguments)
      if (argument.required && argument.schemaIndex >= 0 && stack[argument.schemaIndex].isNone())
        throw ArgumentError(argument.name + ": is required");
    if constexpr (Traced) {
      const std::shared_ptr<Trace> trace = call.state->trace;
      if (trace == nullptr) throw ArgumentError("no calls are being traced");
      const int64_t number = trace->beginOperator(call, plan, stack);
      callOperator(plan, stack);
      for (const IValue& result : stack) trace->made(number, result);
    } else {
      callOperator(plan, stack);
    }
  } catch (const PendingException&) {
    stack.clear();
    throw;
  } catch (const DisposedError& error) {
    stack.clear();
    throw OperatorError(plan.name, describeArguments(call, plan), error.what(), "ERR_TENSOR_DISPOSED");
  } catch (const ArgumentError& error) {
    stack.clear();
    throw OperatorError(plan.name, describeArguments(call, plan), error.what(), "ERR_TORCH_ARGUMENT");
  } catch (const c10::Error& error) {
    stack.clear();
    const std::string message = error.what_without_backtrace();
    const bool memory = message.find("out of memory") != std::string::npos || message.find("can't allocate memory") != std::string::npos;
    throw OperatorError(plan.name, describeArguments(call, plan), message, memory ? "ERR_TORCH_OUT_OF_MEMORY" : "ERR_TORCH_OPERATOR");
  } catch (const std::exception& error) {
    stack.clear();
    throw OperatorError(plan.name, describeArguments(call, plan), error.what());
  }
}

/** `resolve(name, overload, argumentNames?) → id`, or -1 when the loaded libtorch has no such operator. */
napi_value resolve(Call& call) {
  const std::string name = call.string(0, "resolve");
  const std::string overload = call.string(1, "resolve");
  const auto found = c10::Dispatcher::singleton().findSchema({name, overload});
  if (!found.has_value()) return call.fromNumber(-1);
  auto plan = std::make_unique<Plan>(*found);
  plan->name = overload.empty() ? name : name + "." + overload;
  const auto& schema = found->schema();
  plan->resized = resizedBy(schema);
  std::vector<ArgumentPlan> own;
  for (size_t i = 0; i < schema.arguments().size(); ++i) {
    own.push_back(planArgument(schema.arguments()[i], static_cast<int32_t>(i)));
    plan->defaults.push_back(schema.arguments()[i].default_value().value_or(IValue()));
  }
  if (call.missing(2)) {
    plan->arguments = std::move(own);
  } else {
    uint32_t length = 0;
    call.check(napi_get_array_length(call.env, call.argv[2], &length));
    for (uint32_t i = 0; i < length; ++i) {
      napi_value element;
      call.check(napi_get_element(call.env, call.argv[2], i, &element));
      ArgumentPlan argument;
      argument.name = readString(call.env, element, "resolve");
      for (const ArgumentPlan& candidate : own)
        if (sameName(candidate.name, argument.name)) argument = candidate;
      plan->arguments.push_back(argument);
    }
    for (const ArgumentPlan& candidate : own) {  // arguments that only this version requires are still checked
      bool listed = false;
      for (const ArgumentPlan& argument : plan->arguments) listed = listed || sameName(argument.name, candidate.name);
      if (!listed && candidate.required) plan->arguments.push_back(candidate);
    }
  }
  call.state->plans.push_back(std::move(plan));
  return call.fromNumber(static_cast<double>(call.state->plans.size() - 1));
}

/** `invoke(id, …arguments)` → handle, value, or an array for several results. */
template <bool Traced>
napi_value invoke(Call& call) {
  const Plan& plan = planOf(call);
  run<Traced>(call, plan);
  std::vector<IValue>& stack = call.state->stack;
  if (stack.size() == 1) {
    napi_value result;
    if (stack[0].isTensor() && stack[0].toTensor().defined()) {
      result = call.fromNumber(static_cast<double>(call.state->adopt(std::move(stack[0]).toTensor())));
    } else if (stack[0].isTensorList()) {
      result = call.fromHandlesInRing(stack[0].toTensorVector());
    } else {
      result = fromIValue(call, stack[0]);
    }
    stack.clear();
    return result;
  }
  if (stack.empty()) return call.undefined();
  napi_value result;
  call.check(napi_create_array_with_length(call.env, stack.size(), &result));
  for (size_t i = 0; i < stack.size(); ++i)
    call.check(napi_set_element(call.env, result, static_cast<uint32_t>(i), fromIValue(call, stack[i])));
  stack.clear();
  return result;
}

/** As `invoke`, dropping the results: in-place operators. */
template <bool Traced>
napi_value invokeVoid(Call& call) {
  run<Traced>(call, planOf(call));
  call.state->stack.clear();
  return nullptr;
}

/** `schemas()` → every registered schema as text, sorted. */
napi_value schemas(Call& call) {
  std::vector<std::string> lines;
  for (const auto& name : c10::Dispatcher::singleton().getAllOpNames()) {
    const auto found = c10::Dispatcher::singleton().findSchema(name);
    if (!found.has_value()) continue;
    std::ostringstream out;
    out << found->schema();
    lines.push_back(out.str());
  }
  std::sort(lines.begin(), lines.end());
  napi_value result;
  call.check(napi_create_array_with_length(call.env, lines.size(), &result));
  for (size_t i = 0; i < lines.size(); ++i) call.check(napi_set_element(call.env, result, static_cast<uint32_t>(i), call.fromString(lines[i])));
  return result;
}

/** `returnKinds(id)` → one letter for each result: T tensor, L tensor list, V other value. */
napi_value returnKinds(Call& call) {
  std::string kinds;
  for (const auto& result : planOf(call).op.schema().returns()) {
    const auto kind = result.type()->kind();
    const bool list = kind == TypeKind::ListType &&
                      result.type()->expectRef<c10::ListType>().getElementType()->kind() == TypeKind::TensorType;
    kinds += kind == TypeKind::TensorType ? 'T' : list ? 'L' : 'V';
  }
  return call.fromString(kinds);
}

/** `setHandleRing(Float64Array)`: memory of lists of handles that both sides see. */
napi_value setHandleRing(Call& call) {
  void* data = nullptr;
  Environment& state = *call.state;
  napi_typedarray_type type;
  size_t length = 0;
  if (napi_get_typedarray_info(call.env, call.argv[0], &type, &length, &data, nullptr, nullptr) != napi_ok || type != napi_float64_array ||
      state.handleRing != nullptr)
    throw ArgumentError("setHandleRing: expected a Float64Array, once");
  call.check(napi_create_reference(call.env, call.argv[0], 1, &state.handleRingReference));
  state.handleRing = static_cast<double*>(data);
  state.handleRingLength = length;
  return nullptr;
}

}  // namespace

Exports operatorExports() {
  return {{"setHandleRing", guarded<setHandleRing>},
          {"resolve", guarded<resolve>},
          {"invoke", guarded<invoke<false>>},
          {"invokeVoid", guarded<invokeVoid<false>>},
          {"invokeTraced", guarded<invoke<true>>},
          {"invokeVoidTraced", guarded<invokeVoid<true>>},
          {"schemas", guarded<schemas>},
          {"returnKinds", guarded<returnKinds>}};
}

}  // namespace suave
