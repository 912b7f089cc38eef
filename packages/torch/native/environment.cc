#include "environment.h"

#include <c10/util/Exception.h>

#include <cctype>
#include <cmath>

#include "plan.h"

namespace suave {
namespace {

constexpr size_t kRingResults = 1024;   // as in src/handle-list.ts
constexpr size_t kRingLengths = 65536;

}  // namespace


Environment::Environment() { stack.reserve(64); }
Environment::~Environment() = default;

void Environment::growScoped() {
  const size_t start = scopeStarts.back();
  size_t end = start;
  for (size_t i = start; i < scoped.size(); ++i)
    if (slots.alive(scoped[i])) scoped[end++] = scoped[i];
  scoped.resize(end);
  if (end >= scoped.capacity() / 2) scoped.reserve(std::max<size_t>(64, scoped.capacity() * 2));
}

napi_valuetype Call::typeOf(size_t index) const {
  napi_valuetype type = napi_undefined;
  if (index < argc) napi_typeof(env, argv[index], &type);
  return type;
}

bool Call::missing(size_t index) const {
  const napi_valuetype type = typeOf(index);
  return type == napi_undefined || type == napi_null;
}

double Call::number(size_t index, const char* what) const {
  double value = 0;
  if (index >= argc || napi_get_value_double(env, argv[index], &value) != napi_ok)
    throw ArgumentError(std::string(what) + ": expected a number");
  return value;
}

bool Call::boolean(size_t index, bool fallback) const {
  bool value = fallback;
  if (index < argc) napi_get_value_bool(env, argv[index], &value);
  return value;
}

std::string readString(napi_env env, napi_value value, const char* what) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok)
    throw ArgumentError(std::string(what) + ": expected a string");
  std::string text(length, '\0');
  napi_get_value_string_utf8(env, value, &text[0], length + 1, &length);
  return text;
}

std::string Call::string(size_t index, const char* what) const {
  if (index >= argc) throw ArgumentError(std::string(what) + ": expected a string");
  return readString(env, argv[index], what);
}

Handle Call::handle(size_t index) const {
  double value = 0;
  if (index >= argc || napi_get_value_double(env, argv[index], &value) != napi_ok || !(value > 0))
    throw ArgumentError("expected a Tensor");
  return handleFrom(value);
}

const at::Tensor& Call::tensor(size_t index) const { return state->slots.get(handle(index)); }

std::vector<int64_t> Call::integers(size_t index, const char* what) const {
  uint32_t length = 0;
  if (index >= argc || napi_get_array_length(env, argv[index], &length) != napi_ok)
    throw ArgumentError(std::string(what) + ": expected an array of integers");
  std::vector<int64_t> values;  // grows with what is read: a sparse array may claim a length beyond all memory
  for (uint32_t i = 0; i < length; ++i) {
    napi_value element;
    check(napi_get_element(env, argv[index], i, &element));
    double value = 0;
    if (napi_get_value_double(env, element, &value) != napi_ok || value != static_cast<double>(static_cast<int64_t>(value)))
      throw ArgumentError(std::string(what) + ": expected an array of integers");
    values.push_back(static_cast<int64_t>(value));
  }
  return values;
}

bool readHandles(const Environment& state, napi_env env, napi_value value, HandleView* view) {
  double place = 0;
  if (napi_get_value_double(env, value, &place) == napi_ok) {
    if (!(place >= 0 && place <= static_cast<double>(state.handleRingLength) * kRingLengths)) return false;
    const auto start = static_cast<size_t>(place) / kRingLengths;
    view->length = static_cast<size_t>(place) % kRingLengths;
    view->data = state.handleRing + start;
    return start + view->length <= state.handleRingLength;
  }
  napi_typedarray_type type;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, value, &type, &view->length, &data, nullptr, nullptr) != napi_ok || type != napi_float64_array) return false;
  view->data = static_cast<const double*>(data);
  return true;
}

std::vector<at::Tensor> Call::tensors(size_t index, const char* what) const {
  HandleView view;
  if (index >= argc || !readHandles(*state, env, argv[index], &view)) throw ArgumentError(std::string(what) + ": expected a list of Tensors");
  std::vector<at::Tensor> tensors(view.length);
  for (size_t i = 0; i < view.length; ++i) {
    if (std::isnan(view.data[i])) throw ArgumentError(std::string(what) + ": expected a Tensor at " + std::to_string(i) + ", got another kind of value");
    if (view.data[i] != 0) tensors[i] = state->slots.get(handleFrom(view.data[i]));
  }
  return tensors;
}

napi_value Call::fromNumber(double value) const {
  napi_value result;
  check(napi_create_double(env, value, &result));
  return result;
}

napi_value Call::fromBoolean(bool value) const {
  napi_value result;
  check(napi_get_boolean(env, value, &result));
  return result;
}

napi_value Call::fromString(const std::string& value) const {
  napi_value result;
  check(napi_create_string_utf8(env, value.data(), value.size(), &result));
  return result;
}

napi_value Call::fromHandles(const std::vector<at::Tensor>& tensors) const {
  napi_value result;
  check(napi_create_array_with_length(env, tensors.size(), &result));
  for (size_t i = 0; i < tensors.size(); ++i)
    check(napi_set_element(env, result, static_cast<uint32_t>(i), tensors[i].defined() ? adopt(tensors[i]) : fromNumber(0)));
  return result;
}

napi_value Call::fromHandlesInRing(const std::vector<at::Tensor>& tensors) const {
  if (tensors.size() > kRingResults || state->handleRing == nullptr) return fromHandles(tensors);
  for (size_t i = 0; i < tensors.size(); ++i)
    state->handleRing[i] = tensors[i].defined() ? static_cast<double>(state->adopt(tensors[i])) : 0;
  return fromNumber(static_cast<double>(tensors.size()));
}

napi_value Call::undefined() const {
  napi_value result;
  check(napi_get_undefined(env, &result));
  return result;
}

namespace {

constexpr std::pair<const char*, c10::ScalarType> kDtypes[] = {
    {"float32", at::kFloat}, {"float64", at::kDouble},   {"float16", at::kHalf}, {"bfloat16", at::kBFloat16},
    {"int64", at::kLong},    {"int32", at::kInt},        {"int16", at::kShort},  {"int8", at::kChar},
    {"uint8", at::kByte},    {"bool", at::kBool},        {"complex64", at::kComplexFloat},
    {"complex128", at::kComplexDouble},
};

/** PyTorch's name of any dtype: the table's, else libtorch's in small letters (`UInt16` is `uint16`). */
const std::string* nameTable() {
  constexpr size_t count = static_cast<size_t>(c10::ScalarType::NumOptions);
  static const std::vector<std::string> names = [] {
    std::vector<std::string> result(count + 1);
    for (size_t i = 0; i <= count; ++i) {
      const auto dtype = static_cast<c10::ScalarType>(i);
      result[i] = dtype == c10::ScalarType::ComplexHalf ? "complex32" : c10::toString(dtype);
      for (char& letter : result[i]) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
      for (const auto& entry : kDtypes)
        if (dtype == entry.second) result[i] = entry.first;
    }
    return result;
  }();
  return names.data();
}

/** libtorch's text without its stack of C++ frames. */
std::string firstParagraph(std::string text) {
  for (const char* mark : {"\nException raised from", "\nThis exception", "\nTraceback"}) {
    const size_t at = text.find(mark);
    if (at != std::string::npos) text.resize(at);
  }
  return text;
}

void throwError(napi_env env, Environment* state, const std::string& code, const std::string& operatorName,
                const std::string& arguments, const std::string& message) {
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (pending) return;
  napi_value factory = nullptr;
  if (state->errorFactory != nullptr) napi_get_reference_value(env, state->errorFactory, &factory);
  if (factory == nullptr) {
    napi_throw_error(env, code.c_str(), message.c_str());
    return;
  }
  napi_value receiver, error, values[4];
  napi_get_undefined(env, &receiver);
  const std::string* texts[4] = {&code, &operatorName, &arguments, &message};
  for (int i = 0; i < 4; ++i) napi_create_string_utf8(env, texts[i]->data(), texts[i]->size(), &values[i]);
  if (napi_call_function(env, receiver, factory, 4, values, &error) == napi_ok) napi_throw(env, error);
}

}  // namespace

c10::ScalarType parseDtype(const std::string& name) {
  for (const auto& entry : kDtypes)
    if (name == entry.first) return entry.second;
  const std::string* names = nameTable();
  for (size_t i = 0; i < static_cast<size_t>(c10::ScalarType::Undefined); ++i)
    if (name == names[i]) return static_cast<c10::ScalarType>(i);
  throw ArgumentError("dtype: expected one of float32, float64, float16, bfloat16, int64, int32, int16, int8, uint8, bool, complex64, complex128, got '" + name + "'");
}

const char* dtypeName(c10::ScalarType dtype) { return nameTable()[static_cast<size_t>(dtype)].c_str(); }

void throwToJavaScript(napi_env env, Environment* state) {
  try {
    throw;
  } catch (const PendingException&) {
  } catch (const OperatorError& error) {
    throwError(env, state, error.code, error.operatorName, error.arguments, firstParagraph(error.what()));
  } catch (const DisposedError& error) {
    throwError(env, state, "ERR_TENSOR_DISPOSED", "", "", error.what());
  } catch (const ArgumentError& error) {
    throwError(env, state, "ERR_TORCH_ARGUMENT", "", "", error.what());
  } catch (const TableFullError& error) {
    throwError(env, state, "ERR_TORCH_TENSOR_LIMIT", "", "", error.what());
  } catch (const c10::Error& error) {
    throwError(env, state, "ERR_TORCH_OPERATOR", "", "", firstParagraph(error.what_without_backtrace()));
  } catch (const std::bad_alloc&) {
    throwError(env, state, "ERR_TORCH_OUT_OF_MEMORY", "", "", "out of memory");
  } catch (const std::exception& error) {
    throwError(env, state, "ERR_TORCH", "", "", firstParagraph(error.what()));
  } catch (...) {
    throwError(env, state, "ERR_TORCH", "", "", "an unknown C++ exception");
  }
}

}  // namespace suave
