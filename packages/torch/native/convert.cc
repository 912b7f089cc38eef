// Values between JavaScript and the dispatcher's stack: one case in each function for every kind of argument.
#include "convert.h"

#include <cmath>
#include <sstream>

namespace suave {
namespace {

using c10::IValue;

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

/** dtype, layout and memory format travel as their names. */
int64_t toEnumeration(const std::string& text, const ArgumentPlan& argument) {
  if (argument.enumeration == Enumeration::MemoryFormat) {
    if (text == "contiguous") return static_cast<int64_t>(at::MemoryFormat::Contiguous);
    if (text == "channelsLast") return static_cast<int64_t>(at::MemoryFormat::ChannelsLast);
    if (text == "channelsLast3d") return static_cast<int64_t>(at::MemoryFormat::ChannelsLast3d);
    if (text == "preserve") return static_cast<int64_t>(at::MemoryFormat::Preserve);
    mismatch(argument, "'contiguous', 'channelsLast', 'channelsLast3d' or 'preserve'");
  }
  if (argument.enumeration == Enumeration::Layout) {
    if (text == "strided") return static_cast<int64_t>(at::kStrided);
    if (text == "sparseCoo") return static_cast<int64_t>(at::kSparse);
    if (text == "sparseCsr") return static_cast<int64_t>(at::kSparseCsr);
    if (text == "sparseCsc") return static_cast<int64_t>(at::kSparseCsc);
    if (text == "sparseBsr") return static_cast<int64_t>(at::kSparseBsr);
    if (text == "sparseBsc") return static_cast<int64_t>(at::kSparseBsc);
    mismatch(argument, "'strided', 'sparseCoo', 'sparseCsr', 'sparseCsc', 'sparseBsr' or 'sparseBsc'");
  }
  return static_cast<int64_t>(parseDtype(text));
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
  if (type == napi_string && argument.enumeration != Enumeration::None) return toEnumeration(readString(env, value, argument.name.c_str()), argument);
  if (type == napi_bigint) {
    int64_t integer;
    bool lossless;
    napi_get_value_bigint_int64(env, value, &integer, &lossless);
    if (!lossless) mismatch(argument, "an integer of at most 64 bits");
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
  HandleView view;
  if (!readHandles(*call.state, call.env, value, &view)) mismatch(argument, "a list of Tensors");
  const double* handles = view.data;
  const size_t length = view.length;
  for (size_t i = 0; i < length; ++i)
    if (std::isnan(handles[i])) throw ArgumentError(argument.name + ": expected a Tensor at " + std::to_string(i) + ", got another kind of value");
  if (optionalElements) {
    c10::List<c10::optional<at::Tensor>> list;
    list.reserve(length);
    for (size_t i = 0; i < length; ++i)
      list.push_back(handles[i] == 0 ? c10::optional<at::Tensor>() : call.state->slots.get(handleFrom(handles[i])));
    return list;
  }
  c10::List<at::Tensor> list;
  list.reserve(length);
  for (size_t i = 0; i < length; ++i) {
    if (handles[i] == 0) mismatch(argument, "a list of Tensors without null");
    list.push_back(call.state->slots.get(handleFrom(handles[i])));
  }
  return list;
}

}  // namespace

IValue toIValue(const Call& call, napi_value value, const ArgumentPlan& argument) {
  napi_env env = call.env;
  switch (argument.kind) {
    case Kind::Tensor: {
      double number;
      if (napi_get_value_double(env, value, &number) != napi_ok) mismatch(argument, "a Tensor");
      return call.state->slots.get(handleFrom(number));
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
        if (napi_get_element(env, value, i, &element) != napi_ok) throw PendingException{};
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

namespace {

napi_value fromScalar(const Call& call, const c10::Scalar& scalar) {
  return scalar.isBoolean() ? call.fromBoolean(scalar.toBool()) : call.fromNumber(scalar.toDouble());
}

}  // namespace

Enumeration enumerationOf(const c10::Argument& argument) {
  const c10::Type* type = argument.real_type().get();
  if (type->kind() == c10::TypeKind::OptionalType) type = type->expectRef<c10::OptionalType>().getElementType().get();
  switch (type->kind()) {
    case c10::TypeKind::ScalarTypeType: return Enumeration::Dtype;
    case c10::TypeKind::LayoutType: return Enumeration::Layout;
    case c10::TypeKind::MemoryFormatType: return Enumeration::MemoryFormat;
    default: return Enumeration::None;
  }
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

std::string describe(const Environment& state, napi_env env, napi_value value, Kind kind) {
  napi_valuetype type;
  napi_typeof(env, value, &type);
  if (type == napi_undefined || type == napi_null) return "none";
  std::ostringstream out;
  double number = 0;
  if (kind == Kind::Tensor && napi_get_value_double(env, value, &number) == napi_ok) {
    if (!state.slots.alive(handleFrom(number))) return "disposed tensor";
    const at::Tensor& tensor = state.slots.get(handleFrom(number));
    out << dtypeName(tensor.scalar_type()) << tensor.sizes();
    if (!tensor.device().is_cpu()) out << " on " << tensor.device();
    return out.str();
  }
  napi_value text;
  if (kind == Kind::TensorList || kind == Kind::OptionalTensorList) {
    HandleView view;
    if (!readHandles(state, env, value, &view)) return "?";
    const size_t length = view.length;
    out << "[";
    for (size_t i = 0; i < length && i < 4; ++i) {
      const Handle handle = handleFrom(view.data[i]);
      if (i > 0) out << ", ";
      if (state.slots.alive(handle)) out << dtypeName(state.slots.get(handle).scalar_type()) << state.slots.get(handle).sizes();
      else out << "none";
    }
    out << (length > 4 ? ", … " + std::to_string(length) + " tensors]" : "]");
    return out.str();
  }
  if (type == napi_symbol || napi_coerce_to_string(env, value, &text) != napi_ok) {  // the value's own toString may throw
    bool pending = false;
    napi_is_exception_pending(env, &pending);
    if (pending) napi_get_and_clear_last_exception(env, &text);
    return "?";
  }
  return readString(env, text, "argument");
}

}  // namespace suave
