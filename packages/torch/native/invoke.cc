#include "invoke.h"

#include <c10/util/Exception.h>

#include <sstream>

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
  plan.listSize = argument.N().value_or(0);
  plan.required = !argument.default_value().has_value() && !plan.optional;
  return plan;
}

/** Describes one argument for an error message: tensors by dtype, shape and device. */
std::string describe(const Environment& state, napi_env env, napi_value value, Kind kind) {
  napi_valuetype type;
  napi_typeof(env, value, &type);
  if (type == napi_undefined || type == napi_null) return "none";
  std::ostringstream out;
  double number = 0;
  if (kind == Kind::Tensor && napi_get_value_double(env, value, &number) == napi_ok) {
    if (!state.slots.alive(static_cast<Handle>(number))) return "disposed tensor";
    const at::Tensor& tensor = state.slots.get(static_cast<Handle>(number));
    out << dtypeName(tensor.scalar_type()) << tensor.sizes();
    if (!tensor.device().is_cpu()) out << " on " << tensor.device();
    return out.str();
  }
  napi_value text;
  if (kind == Kind::TensorList || kind == Kind::OptionalTensorList) {
    void* data = nullptr;
    size_t length = 0;
    if (napi_get_typedarray_info(env, value, nullptr, &length, &data, nullptr, nullptr) != napi_ok) return "?";
    out << "[";
    for (size_t i = 0; i < length && i < 4; ++i) {
      const Handle handle = static_cast<Handle>(static_cast<double*>(data)[i]);
      if (i > 0) out << ", ";
      if (state.slots.alive(handle)) out << dtypeName(state.slots.get(handle).scalar_type()) << state.slots.get(handle).sizes();
      else out << "none";
    }
    out << (length > 4 ? ", … " + std::to_string(length) + " tensors]" : "]");
    return out.str();
  }
  if (napi_coerce_to_string(env, value, &text) != napi_ok) return "?";
  return readString(env, text, "argument");
}

std::string describeArguments(const Call& call, const Plan& plan) {
  std::string text;
  for (size_t i = 0; i < plan.arguments.size() && i + 1 < call.argc; ++i) {
    if (!text.empty()) text += ", ";
    text += plan.arguments[i].name + ": " + describe(*call.state, call.env, call.argv[i + 1], plan.arguments[i].kind);
  }
  return text;
}

[[noreturn]] void mismatch(const ArgumentPlan& argument, const char* expected) {
  throw ArgumentError(argument.name + ": expected " + expected);
}

c10::Scalar toScalar(napi_env env, napi_value value, const ArgumentPlan& argument) {
  napi_valuetype type;
  napi_typeof(env, value, &type);
  if (type == napi_number) {
    double number;
    napi_get_value_double(env, value, &number);
    const double whole = static_cast<double>(static_cast<int64_t>(number));
    const bool integral = number == whole && std::abs(number) <= 9007199254740992.0 && !(number == 0 && std::signbit(number));
    return integral ? c10::Scalar(static_cast<int64_t>(number)) : c10::Scalar(number);
  }
  if (type == napi_boolean) {
    bool flag;
    napi_get_value_bool(env, value, &flag);
    return c10::Scalar(flag);
  }
  if (type == napi_bigint) {
    int64_t integer;
    bool lossless;
    napi_get_value_bigint_int64(env, value, &integer, &lossless);
    if (!lossless) mismatch(argument, "an integer of at most 64 bits");
    return c10::Scalar(integer);
  }
  mismatch(argument, "a number");
}

int64_t toInteger(napi_env env, napi_value value, const ArgumentPlan& argument) {
  double number;
  if (napi_get_value_double(env, value, &number) == napi_ok) {
    const int64_t integer = static_cast<int64_t>(number);
    if (static_cast<double>(integer) != number) mismatch(argument, "an integer");
    return integer;
  }
  napi_valuetype type;
  napi_typeof(env, value, &type);
  if (type == napi_string) {  // dtype, layout and memory format travel as their names
    const std::string text = readString(env, value, argument.name.c_str());
    if (argument.name == "memory_format") {
      if (text == "contiguous") return static_cast<int64_t>(at::MemoryFormat::Contiguous);
      if (text == "channelsLast") return static_cast<int64_t>(at::MemoryFormat::ChannelsLast);
      if (text == "preserve") return static_cast<int64_t>(at::MemoryFormat::Preserve);
      mismatch(argument, "'contiguous', 'channelsLast' or 'preserve'");
    }
    if (argument.name == "layout") {
      if (text == "strided") return static_cast<int64_t>(at::kStrided);
      if (text == "sparseCoo") return static_cast<int64_t>(at::kSparse);
      mismatch(argument, "'strided' or 'sparseCoo'");
    }
    return static_cast<int64_t>(parseDtype(text));
  }
  if (type == napi_bigint) {
    int64_t integer;
    bool lossless;
    napi_get_value_bigint_int64(env, value, &integer, &lossless);
    return integer;
  }
  mismatch(argument, "an integer");
}

bool toBoolean(napi_env env, napi_value value, const ArgumentPlan& argument) {
  bool flag;
  if (napi_get_value_bool(env, value, &flag) != napi_ok) mismatch(argument, "true or false");
  return flag;
}

double toFloat(napi_env env, napi_value value, const ArgumentPlan& argument) {
  double number;
  if (napi_get_value_double(env, value, &number) != napi_ok) mismatch(argument, "a number");
  return number;
}

/** Reads an array with `read`; a single value fills a list of fixed size (int[2]), or makes a list of one. */
template <typename List, typename Read>
IValue toList(napi_env env, napi_value value, const ArgumentPlan& argument, const char* expected, Read read) {
  List list;
  bool isArray = false;
  napi_is_array(env, value, &isArray);
  if (!isArray) {
    napi_valuetype type;
    napi_typeof(env, value, &type);
    if (type == napi_object) mismatch(argument, expected);
    const auto element = read(env, value, argument);
    for (int32_t i = 0; i < std::max(1, argument.listSize); ++i) list.push_back(element);
    return list;
  }
  uint32_t length = 0;
  napi_get_array_length(env, value, &length);
  list.reserve(length);
  for (uint32_t i = 0; i < length; ++i) {
    napi_value element;
    if (napi_get_element(env, value, i, &element) != napi_ok) throw PendingException{};
    list.push_back(read(env, element, argument));
  }
  return list;
}

IValue toTensorList(const Call& call, napi_value value, const ArgumentPlan& argument, bool optionalElements) {
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(call.env, value, &type, &length, &data, nullptr, nullptr) != napi_ok || type != napi_float64_array)
    mismatch(argument, "a list of Tensors");
  const double* handles = static_cast<const double*>(data);
  if (optionalElements) {
    c10::List<c10::optional<at::Tensor>> list;
    list.reserve(length);
    for (size_t i = 0; i < length; ++i)
      list.push_back(handles[i] == 0 ? c10::optional<at::Tensor>() : call.state->slots.get(static_cast<Handle>(handles[i])));
    return list;
  }
  c10::List<at::Tensor> list;
  list.reserve(length);
  for (size_t i = 0; i < length; ++i) {
    if (handles[i] == 0) mismatch(argument, "a list of Tensors without null");
    list.push_back(call.state->slots.get(static_cast<Handle>(handles[i])));
  }
  return list;
}

IValue toIValue(const Call& call, napi_value value, const ArgumentPlan& argument) {
  napi_env env = call.env;
  switch (argument.kind) {
    case Kind::Tensor: {
      double number;
      if (napi_get_value_double(env, value, &number) != napi_ok) mismatch(argument, "a Tensor");
      return call.state->slots.get(static_cast<Handle>(number));
    }
    case Kind::TensorList: return toTensorList(call, value, argument, false);
    case Kind::OptionalTensorList: return toTensorList(call, value, argument, true);
    case Kind::Scalar: return toScalar(env, value, argument);
    case Kind::ScalarList: {
      c10::List<at::Scalar> list;
      uint32_t length = 0;
      if (napi_get_array_length(env, value, &length) != napi_ok) mismatch(argument, "an array of numbers");
      for (uint32_t i = 0; i < length; ++i) {
        napi_value element;
        napi_get_element(env, value, i, &element);
        list.push_back(toScalar(env, element, argument));
      }
      return list;
    }
    case Kind::Int: return toInteger(env, value, argument);
    case Kind::IntList: return toList<c10::List<int64_t>>(env, value, argument, "an array of integers", toInteger);
    case Kind::Float: return toFloat(env, value, argument);
    case Kind::FloatList: return toList<c10::List<double>>(env, value, argument, "an array of numbers", toFloat);
    case Kind::Bool: return toBoolean(env, value, argument);
    case Kind::BoolList: return toList<c10::List<bool>>(env, value, argument, "an array of booleans", toBoolean);
    case Kind::String: return readString(env, value, argument.name.c_str());
    case Kind::StringList:
      return toList<c10::List<std::string>>(env, value, argument, "an array of strings",
          [](napi_env e, napi_value v, const ArgumentPlan& a) { return readString(e, v, a.name.c_str()); });
    case Kind::Device: return c10::Device(readString(env, value, argument.name.c_str()));
    case Kind::Generator: {
      const auto found = call.state->generators.find(static_cast<uint32_t>(toFloat(env, value, argument)));
      if (found == call.state->generators.end()) mismatch(argument, "a live Generator");
      return found->second;
    }
    case Kind::Unsupported: mismatch(argument, "a kind of value that TypeScript cannot express");
  }
  mismatch(argument, "another value");
}

napi_value fromScalar(const Call& call, const c10::Scalar& scalar) {
  return scalar.isBoolean() ? call.fromBoolean(scalar.toBool()) : call.fromNumber(scalar.toDouble());
}

napi_value fromIValue(const Call& call, const IValue& value) {
  if (value.isTensor()) return value.toTensor().defined() ? call.adopt(value.toTensor()) : call.fromNumber(0);
  if (value.isTensorList()) return call.fromHandles(value.toTensorVector());
  if (value.isBool()) return call.fromBoolean(value.toBool());
  if (value.isInt()) return call.fromNumber(static_cast<double>(value.toInt()));
  if (value.isDouble()) return call.fromNumber(value.toDouble());
  if (value.isScalar()) return fromScalar(call, value.toScalar());
  if (value.isString()) return call.fromString(value.toStringRef());
  if (value.isNone()) return call.undefined();
  if (value.isList()) {
    const auto list = value.toListRef();
    napi_value result;
    call.check(napi_create_array_with_length(call.env, list.size(), &result));
    for (size_t i = 0; i < list.size(); ++i) call.check(napi_set_element(call.env, result, static_cast<uint32_t>(i), fromIValue(call, list[i])));
    return result;
  }
  throw ArgumentError("the operator returns a kind of value that TypeScript cannot express: " + value.tagKind());
}

const Plan& planOf(const Call& call) {
  double index = 0;
  napi_get_value_double(call.env, call.argv[0], &index);
  return *call.state->plans.at(static_cast<size_t>(index));
}

/** Converts the arguments and runs the operator; its results are on `state->stack` afterwards. */
void run(Call& call, const Plan& plan) {
  std::vector<IValue>& stack = call.state->stack;
  try {
    stack.assign(plan.defaults.begin(), plan.defaults.end());
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
        if (argument.schemaIndex < 0) throw ArgumentError(argument.name + ": this version of libtorch does not have this argument");
      }
      stack[argument.schemaIndex] = toIValue(call, value, argument);
    }
    for (const ArgumentPlan& argument : plan.arguments)
      if (argument.required && argument.schemaIndex >= 0 && stack[argument.schemaIndex].isNone())
        throw ArgumentError(argument.name + ": is required");
    plan.op.callBoxed(&stack);
  } catch (const PendingException&) {
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
        if (candidate.name == argument.name) argument = candidate;
      plan->arguments.push_back(argument);
    }
    for (const ArgumentPlan& candidate : own) {  // arguments that only this version requires are still checked
      bool listed = false;
      for (const ArgumentPlan& argument : plan->arguments) listed = listed || argument.name == candidate.name;
      if (!listed && candidate.required) plan->arguments.push_back(candidate);
    }
  }
  call.state->plans.push_back(std::move(plan));
  return call.fromNumber(static_cast<double>(call.state->plans.size() - 1));
}

/** `invoke(id, …arguments)` → handle, value, or an array for several results. */
napi_value invoke(Call& call) {
  const Plan& plan = planOf(call);
  run(call, plan);
  std::vector<IValue>& stack = call.state->stack;
  if (stack.size() == 1) {
    napi_value result;
    if (stack[0].isTensor() && stack[0].toTensor().defined()) {
      result = call.fromNumber(static_cast<double>(call.state->adopt(std::move(stack[0]).toTensor())));
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
napi_value invokeVoid(Call& call) {
  run(call, planOf(call));
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

}  // namespace

Exports operatorExports() {
  return {{"resolve", guarded<resolve>},
          {"invoke", guarded<invoke>},
          {"invokeVoid", guarded<invokeVoid>},
          {"schemas", guarded<schemas>},
          {"returnKinds", guarded<returnKinds>}};
}

}  // namespace suave
