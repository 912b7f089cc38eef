// Calls written down as they happen, for `traceOperators` and `countCalls` (src/trace.ts).
#include "trace.h"

#include <unordered_set>

namespace suave {
namespace {

using c10::IValue;

constexpr int64_t kBefore = -1;  // memory from before the trace

void set(const Call& call, napi_value object, const char* name, napi_value value) {
  call.check(napi_set_named_property(call.env, object, name, value));
}

napi_value null(const Call& call) {
  napi_value result;
  call.check(napi_get_null(call.env, &result));
  return result;
}

napi_value newObject(const Call& call) {
  napi_value result;
  call.check(napi_create_object(call.env, &result));
  return result;
}

/** An array whose elements `at(i)` gives. */
template <typename At>
napi_value newArray(const Call& call, size_t length, At at) {
  napi_value result;
  call.check(napi_create_array_with_length(call.env, length, &result));
  for (size_t i = 0; i < length; ++i) call.check(napi_set_element(call.env, result, static_cast<uint32_t>(i), at(i)));
  return result;
}

napi_value fromInteger(const Call& call, int64_t value) {
  constexpr int64_t kLargest = int64_t{1} << 53;
  if (value >= -kLargest && value <= kLargest) return call.fromNumber(static_cast<double>(value));
  napi_value result;
  call.check(napi_create_bigint_int64(call.env, value, &result));
  return result;
}

std::string enumerationName(int64_t value, Enumeration enumeration) {
  if (enumeration == Enumeration::Dtype) return dtypeName(static_cast<c10::ScalarType>(value));
  if (enumeration == Enumeration::MemoryFormat) {
    switch (static_cast<at::MemoryFormat>(value)) {
      case at::MemoryFormat::Contiguous: return "contiguous";
      case at::MemoryFormat::ChannelsLast: return "channelsLast";
      case at::MemoryFormat::ChannelsLast3d: return "channelsLast3d";
      default: return "preserve";
    }
  }
  switch (static_cast<c10::Layout>(value)) {
    case at::kStrided: return "strided";
    case at::kSparse: return "sparseCoo";
    case at::kSparseCsr: return "sparseCsr";
    case at::kSparseCsc: return "sparseCsc";
    case at::kSparseBsr: return "sparseBsr";
    case at::kSparseBsc: return "sparseBsc";
    default: return "other";
  }
}

bool isMask(const IValue& value) {
  if (!value.isTensor() || !value.toTensor().defined()) return false;
  const auto dtype = value.toTensor().scalar_type();
  return dtype == at::kBool || dtype == at::kByte;
}

/**
 * Whether an operator's result, or the shape of it, is read on the host: on an accelerator it would wait. Copies to the CPU are told by
 * their argument, so that they count on the CPU too, where nothing is copied.
 */
bool readsOnHost(const Plan& plan, const std::vector<IValue>& stack) {
  static const std::unordered_set<std::string> always = {
      "aten::item", "aten::_local_scalar_dense", "aten::is_nonzero", "aten::equal", "aten::allclose",
      "aten::nonzero", "aten::nonzero_numpy", "aten::argwhere", "aten::masked_select",
      "aten::_unique", "aten::_unique2", "aten::unique_dim", "aten::unique_consecutive", "aten::unique_dim_consecutive",
      "aten::bincount", "aten::multinomial", "aten::_linalg_check_errors",
      "aten::inverse", "aten::linalg_inv", "aten::cholesky", "aten::linalg_cholesky", "aten::linalg_solve", "aten::linalg_eigh"};
  const std::string& name = plan.op.schema().name();
  if (always.count(name) > 0) return true;
  const auto at = [&](size_t index) -> const IValue& {
    static const IValue none;
    return index < stack.size() ? stack[index] : none;
  };
  if (name == "aten::to" || name == "aten::_to_copy") {
    for (const IValue& value : stack)
      if (value.isDevice() && value.toDevice().is_cpu()) return true;
    return false;
  }
  if (name == "aten::copy_")
    return at(0).isTensor() && at(1).isTensor() && at(0).toTensor().defined() && at(1).toTensor().defined() &&
           at(0).toTensor().is_cpu() && !at(1).toTensor().is_cpu();
  if (name == "aten::index" || name == "aten::index_put" || name == "aten::index_put_" || name == "aten::_index_put_impl_") {
    if (!at(1).isList()) return false;
    for (const IValue& value : at(1).toListRef())
      if (isMask(value)) return true;
    return false;
  }
  const std::string& overload = plan.op.schema().overload_name();
  if (name == "aten::where") return overload.empty();
  if (name == "aten::one_hot") return at(1).isInt() && at(1).toInt() < 0;
  if (name == "aten::repeat_interleave") {
    if (overload == "Tensor") return at(1).isNone();
    if (overload == "self_Tensor") return at(3).isNone();
    return false;
  }
  return name == "aten::tensor_split" && overload == "tensor_indices_or_sections";
}

}  // namespace

Trace::Trace(const Call& call, bool detailed) {
  if (!detailed) return;
  napi_value list;
  call.check(napi_create_array(call.env, &list));
  call.check(napi_create_reference(call.env, list, 1, &list_));
}

int64_t Trace::append(const Call& call, const std::string& name, napi_value arguments, bool readsHost) {
  const int64_t number = calls_++;
  if (readsHost) ++hostReads_;
  if (!detailed()) return number;
  napi_value list;
  call.check(napi_get_reference_value(call.env, list_, &list));
  napi_value entry = newObject(call);
  set(call, entry, "name", call.fromString(name));
  set(call, entry, "arguments", arguments);
  set(call, entry, "readsHost", call.fromBoolean(readsHost));
  call.check(napi_set_element(call.env, list, static_cast<uint32_t>(number), entry));
  return number;
}

int64_t Trace::beginOperator(const Call& call, const Plan& plan, const std::vector<IValue>& stack) {
  napi_value arguments = nullptr;
  if (detailed()) {
    arguments = newObject(call);
    const auto& schema = plan.op.schema().arguments();
    for (size_t i = 0; i < schema.size() && i < stack.size(); ++i)
      set(call, arguments, schema[i].name().c_str(), describe(call, stack[i], enumerationOf(schema[i])));
  }
  return append(call, plan.name, arguments, readsOnHost(plan, stack));
}

int64_t Trace::beginFunction(const Call& call, const std::string& name, napi_value arguments, bool readsHost) {
  return append(call, name, arguments, readsHost);
}

int64_t Trace::origin(const at::Tensor& tensor, int64_t number) {
  c10::StorageImpl* storage = tensor.storage().unsafeGetStorageImpl();
  const auto found = memory_.find(storage);
  if (found != memory_.end()) return found->second.madeBy;
  memory_.emplace(storage, Memory{tensor.storage().getWeakStorageImpl(), number});
  return number;
}

void Trace::made(int64_t number, const at::Tensor& tensor) {
  if (detailed() && tensor.defined() && tensor.has_storage()) origin(tensor, number);
}

void Trace::made(int64_t number, const IValue& value) {
  if (value.isTensor()) {
    made(number, value.toTensor());
  } else if (value.isTensorList()) {
    for (const at::Tensor& tensor : value.toTensorVector()) made(number, tensor);
  }
}

napi_value Trace::describeTensor(const Call& call, const at::Tensor& tensor) {
  if (!tensor.defined()) return null(call);
  const auto integers = [&](at::IntArrayRef values) {
    return newArray(call, values.size(), [&](size_t i) { return fromInteger(call, values[i]); });
  };
  napi_value result = newObject(call);
  set(call, result, "dtype", call.fromString(dtypeName(tensor.scalar_type())));
  set(call, result, "shape", integers(tensor.sizes()));
  set(call, result, "strides", integers(tensor.layout() == at::kStrided ? tensor.strides() : at::IntArrayRef()));
  set(call, result, "device", call.fromString(tensor.device().str()));
  const bool hasMemory = tensor.has_storage();
  const int64_t madeBy = hasMemory ? origin(tensor, kBefore) : kBefore;
  set(call, result, "address", call.fromNumber(hasMemory ? static_cast<double>(reinterpret_cast<uintptr_t>(tensor.storage().data())) : 0));
  set(call, result, "offset", fromInteger(call, hasMemory ? tensor.storage_offset() : 0));
  set(call, result, "madeBy", madeBy == kBefore ? null(call) : fromInteger(call, madeBy));
  return result;
}

napi_value Trace::describe(const Call& call, const IValue& value, Enumeration enumeration) {
  if (value.isNone()) return null(call);
  if (value.isTensor()) return describeTensor(call, value.toTensor());
  if (value.isBool()) return call.fromBoolean(value.toBool());
  if (value.isInt()) {
    return enumeration == Enumeration::None ? fromInteger(call, value.toInt()) : call.fromString(enumerationName(value.toInt(), enumeration));
  }
  if (value.isDouble()) return call.fromNumber(value.toDouble());
  if (value.isString()) return call.fromString(value.toStringRef());
  if (value.isDevice()) return call.fromString(value.toDevice().str());
  if (value.isList()) {
    const auto list = value.toListRef();
    return newArray(call, list.size(), [&](size_t i) { return describe(call, list[i], enumeration); });
  }
  return call.fromString(value.tagKind());
}

napi_value Trace::end(const Call& call) {
  napi_value list = nullptr;
  if (detailed()) {
    call.check(napi_get_reference_value(call.env, list_, &list));
    napi_delete_reference(call.env, list_);
    list_ = nullptr;
  }
  return newArray(call, 3, [&](size_t i) {
    return i == 0 ? (list == nullptr ? null(call) : list) : fromInteger(call, i == 1 ? calls_ : hostReads_);
  });
}

namespace {

Trace& traceOf(const Call& call) {
  if (call.state->trace == nullptr) throw ArgumentError("no calls are being traced");
  return *call.state->trace;
}

/** `traceBegin(detailed)`: calls are written down, or counted, from now on. */
napi_value traceBegin(Call& call) {
  if (call.state->trace != nullptr) throw ArgumentError("calls are being traced already: one trace cannot run inside another. End the other one first.");
  call.state->trace = std::make_shared<Trace>(call, call.boolean(0, true));
  return nullptr;
}

/** `traceEnd() → [calls or null, their number, how many read on the host]`. */
napi_value traceEnd(Call& call) {
  Trace& trace = traceOf(call);
  const std::shared_ptr<Trace> held = call.state->trace;
  call.state->trace.reset();
  return trace.end(call);
}

/**
 * `traceCall(name, readsHost, kinds, names, …values) → number` of a function of the addon that is about to be called. A kind is
 * one letter for each name: T tensor, L list of tensors, V any other value, as it is.
 */
napi_value traceCall(Call& call) {
  Trace& trace = traceOf(call);
  const std::string name = call.string(0, "name");
  const std::string kinds = call.string(2, "kinds");
  napi_value arguments = nullptr;
  if (trace.detailed()) {
    arguments = newObject(call);
    for (size_t i = 0; i < kinds.size(); ++i) {
      napi_value key, value;
      call.check(napi_get_element(call.env, call.argv[3], static_cast<uint32_t>(i), &key));
      const size_t index = i + 4;
      HandleView view;
      double handle = 0;
      if (call.missing(index)) {
        value = null(call);
      } else if (kinds[i] == 'T') {
        napi_get_value_double(call.env, call.argv[index], &handle);
        value = handle > 0 && call.state->slots.alive(handleFrom(handle)) ? trace.describe(call, call.state->slots.get(handleFrom(handle))) : null(call);
      } else if (kinds[i] == 'L' && readHandles(*call.state, call.env, call.argv[index], &view)) {
        value = newArray(call, view.length, [&](size_t j) {
          const Handle each = view.data[j] > 0 ? handleFrom(view.data[j]) : 0;
          return each != 0 && call.state->slots.alive(each) ? trace.describe(call, call.state->slots.get(each)) : null(call);
        });
      } else {
        value = call.argv[index];
      }
      call.check(napi_set_property(call.env, arguments, key, value));
    }
  }
  return call.fromNumber(static_cast<double>(trace.beginFunction(call, name, arguments, call.boolean(1, false))));
}

/** `traceMade(number, handles)`: a call gave these tensors. */
napi_value traceMade(Call& call) {
  Trace& trace = traceOf(call);
  const double number = call.number(0, "number");
  if (!(number >= 0 && number <= 9007199254740992.0)) throw ArgumentError("traceMade: expected the number of a call");
  for (const at::Tensor& tensor : call.tensors(1, "tensors")) trace.made(static_cast<int64_t>(number), tensor);
  return nullptr;
}

}  // namespace

Exports traceExports() {
  return {{"traceBegin", guarded<traceBegin>},
          {"traceEnd", guarded<traceEnd>},
          {"traceCall", guarded<traceCall>},
          {"traceMade", guarded<traceMade>}};
}

}  // namespace suave
