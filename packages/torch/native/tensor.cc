// Tensors from and to JavaScript memory, and their metadata.
#include "typed_arrays.h"

#include <torch/csrc/autograd/function.h>

#include <cstring>

namespace suave {
namespace {

void copyBytes(void* to, const void* from, size_t length) {
  if (length > 0) std::memcpy(to, from, length);
}

/** `fromBytes(bytes, shape, dtype, device) → handle`; copies. */
napi_value fromBytes(Call& call) {
  const std::vector<int64_t> shape = call.integers(1, "shape");  // may run JavaScript
  const Bytes bytes = bytesOf(call, 0);
  const auto dtype = parseDtype(call.string(2, "dtype"));
  const c10::Device device(call.missing(3) ? "cpu" : call.string(3, "device"));
  at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(dtype));
  if (tensor.nbytes() != bytes.length)
    throw ArgumentError("expected " + std::to_string(tensor.nbytes()) + " bytes for this shape and dtype, got " + std::to_string(bytes.length));
  copyBytes(tensor.data_ptr(), bytes.data, bytes.length);
  return call.adopt(device.is_cpu() ? tensor : tensor.to(device));
}

/** `readBytes(tensor, bytes)`: fills `bytes` with the contiguous content; waits for the device. */
napi_value readBytes(Call& call) {
  const Bytes bytes = bytesOf(call, 1);
  if (call.tensor(0).is_cuda()) call.refuseWhileCapturing("data");
  const at::Tensor source = call.tensor(0).detach().to(at::kCPU).resolve_conj().resolve_neg().contiguous();
  if (source.nbytes() != bytes.length) throw ArgumentError("readBytes: the buffer has another size than the tensor");
  copyBytes(bytes.data, source.data_ptr(), bytes.length);
  return nullptr;
}

/** `writeBytes(tensor, bytes)`: the content becomes `bytes`, in place and without other memory; waits for the device. */
napi_value writeBytes(Call& call) {
  const at::Tensor target = call.tensor(0).detach();
  if (target.is_cuda()) call.refuseWhileCapturing("setBytes_");
  const Bytes bytes = bytesOf(call, 1);
  if (target.nbytes() != bytes.length) throw ArgumentError("writeBytes: the buffer has another size than the tensor");
  if (bytes.length == 0) return nullptr;
  const at::NoGradGuard noGrad;
  target.copy_(at::from_blob(bytes.data, target.sizes(), at::TensorOptions().dtype(target.scalar_type())));
  return nullptr;
}

c10::Scalar onlyElement(const Call& call, const char* where) {
  const at::Tensor& tensor = call.tensor(0);
  if (tensor.numel() != 1)
    throw ArgumentError(std::string(where) + ": expected a tensor of one element, got shape " + c10::str(tensor.sizes()) + ". Use toArray() or data().");
  if (tensor.is_cuda()) call.refuseWhileCapturing(where);
  return tensor.item();
}

/** `item(tensor) → number`; waits for the device. */
napi_value item(Call& call) {
  const c10::Scalar value = onlyElement(call, "item");
  if (value.isBoolean()) return call.fromNumber(value.toBool() ? 1 : 0);
  if (value.isComplex()) throw ArgumentError("item: expected a real tensor, got a complex one. Use toArray(), which gives [re, im].");
  if (value.isIntegral(false)) {
    constexpr int64_t kLargest = int64_t{1} << 53;
    const int64_t integer = value.toLong();
    if (integer > kLargest || integer < -kLargest)
      throw ArgumentError("item: " + std::to_string(integer) + " is beyond 2^53, where a number is not exact. Use itemBigInt() or data().");
    return call.fromNumber(static_cast<double>(integer));
  }
  return call.fromNumber(value.toDouble());
}

/** `itemBigInt(tensor) → bigint`; waits for the device. */
napi_value itemBigInt(Call& call) {
  const c10::Scalar value = onlyElement(call, "itemBigInt");
  if (!value.isIntegral(true)) throw ArgumentError(std::string("itemBigInt: expected a tensor of integers, got ") + dtypeName(call.tensor(0).scalar_type()) + ". Use item().");
  napi_value result;
  call.check(napi_create_bigint_int64(call.env, value.isBoolean() ? value.toBool() : value.toLong(), &result));
  return result;
}

napi_value integerArray(const Call& call, at::IntArrayRef values) {
  napi_value result;
  call.check(napi_create_array_with_length(call.env, values.size(), &result));
  for (size_t i = 0; i < values.size(); ++i)
    call.check(napi_set_element(call.env, result, static_cast<uint32_t>(i), call.fromNumber(static_cast<double>(values[i]))));
  return result;
}

napi_value shape(Call& call) { return integerArray(call, call.tensor(0).sizes()); }
napi_value strides(Call& call) { return integerArray(call, call.tensor(0).strides()); }
napi_value numel(Call& call) { return call.fromNumber(static_cast<double>(call.tensor(0).numel())); }
napi_value rank(Call& call) { return call.fromNumber(static_cast<double>(call.tensor(0).dim())); }
napi_value dtype(Call& call) { return call.fromString(dtypeName(call.tensor(0).scalar_type())); }
napi_value device(Call& call) { return call.fromString(call.tensor(0).device().str()); }
napi_value layout(Call& call) { return call.fromString(c10::str(call.tensor(0).layout())); }
napi_value storageOffset(Call& call) { return call.fromNumber(static_cast<double>(call.tensor(0).storage_offset())); }
napi_value itemSize(Call& call) { return call.fromNumber(static_cast<double>(call.tensor(0).element_size())); }

/** `isContiguous(tensor, channelsLast)`. */
napi_value isContiguous(Call& call) {
  const at::Tensor& tensor = call.tensor(0);
  return call.fromBoolean(tensor.is_contiguous(call.boolean(1, false) ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous));
}

/** `isLazy(tensor)`: conjugated or negated by a bit, not in memory. */
napi_value isLazy(Call& call) { return call.fromBoolean(call.tensor(0).is_conj() || call.tensor(0).is_neg()); }

/** `gradFn(tensor) → name of the recorded operation, without namespaces; undefined for none. */
napi_value gradFn(Call& call) {
  const auto& node = call.tensor(0).grad_fn();
  if (node == nullptr) return nullptr;
  const std::string name = node->name();
  const size_t colons = name.rfind("::");
  return call.fromString(colons == std::string::npos ? name : name.substr(colons + 2));
}

/** `sameTensor(a, b)`: both name one tensor object. */
napi_value sameTensor(Call& call) { return call.fromBoolean(call.tensor(0).is_same(call.tensor(1))); }

/** `alias(tensor) → handle`: a second handle on the same tensor object. */
napi_value alias(Call& call) { return call.adopt(call.tensor(0)); }

}  // namespace

Exports tensorExports() {
  return {{"fromBytes", guarded<fromBytes>}, {"readBytes", guarded<readBytes>},   {"writeBytes", guarded<writeBytes>},
          {"item", guarded<item>},           {"itemBigInt", guarded<itemBigInt>}, {"layout", guarded<layout>},
          {"storageOffset", guarded<storageOffset>}, {"isLazy", guarded<isLazy>}, {"gradFn", guarded<gradFn>},
          {"shape", guarded<shape>},         {"strides", guarded<strides>},       {"numel", guarded<numel>},
          {"rank", guarded<rank>},           {"dtype", guarded<dtype>},           {"device", guarded<device>},
          {"itemSize", guarded<itemSize>},   {"isContiguous", guarded<isContiguous>}, {"sameTensor", guarded<sameTensor>},
          {"alias", guarded<alias>}};
}

}  // namespace suave
