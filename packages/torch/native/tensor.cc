// Tensors from and to JavaScript memory, and their metadata.
#include "environment.h"

#include <cstring>

namespace suave {
namespace {

struct Bytes {
  uint8_t* data = nullptr;
  size_t length = 0;
};

Bytes bytesOf(const Call& call, size_t index) {
  Bytes bytes;
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  if (index >= call.argc || napi_get_typedarray_info(call.env, call.argv[index], &type, &length, &data, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array)
    throw ArgumentError("expected the bytes of a typed array");
  bytes.data = static_cast<uint8_t*>(data);
  bytes.length = length;
  return bytes;
}

void copyBytes(void* to, const void* from, size_t length) {
  if (length > 0) std::memcpy(to, from, length);
}

/** `fromBytes(bytes, shape, dtype, device) → handle`; copies. */
napi_value fromBytes(Call& call) {
  const Bytes bytes = bytesOf(call, 0);
  const std::vector<int64_t> shape = call.integers(1, "shape");
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
  const at::Tensor source = call.tensor(0).detach().to(at::kCPU).contiguous();
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

/** `item(tensor) → number | boolean`; waits for the device. */
napi_value item(Call& call) {
  const at::Tensor& tensor = call.tensor(0);
  if (tensor.numel() != 1) throw ArgumentError("item: expected a tensor of one element, got shape " + c10::str(tensor.sizes()));
  if (tensor.is_cuda()) call.refuseWhileCapturing("item");
  const c10::Scalar value = tensor.item();
  return value.isBoolean() ? call.fromNumber(value.toBool() ? 1 : 0) : call.fromNumber(value.toDouble());
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
napi_value itemSize(Call& call) { return call.fromNumber(static_cast<double>(call.tensor(0).element_size())); }
napi_value isContiguous(Call& call) { return call.fromBoolean(call.tensor(0).is_contiguous()); }

/** `sameTensor(a, b)`: both name one tensor object. */
napi_value sameTensor(Call& call) { return call.fromBoolean(call.tensor(0).is_same(call.tensor(1))); }

/** `alias(tensor) → handle`: a second handle on the same tensor object. */
napi_value alias(Call& call) { return call.adopt(call.tensor(0)); }

}  // namespace

Exports tensorExports() {
  return {{"fromBytes", guarded<fromBytes>}, {"readBytes", guarded<readBytes>},   {"writeBytes", guarded<writeBytes>},
          {"item", guarded<item>},
          {"shape", guarded<shape>},         {"strides", guarded<strides>},       {"numel", guarded<numel>},
          {"rank", guarded<rank>},           {"dtype", guarded<dtype>},           {"device", guarded<device>},
          {"itemSize", guarded<itemSize>},   {"isContiguous", guarded<isContiguous>}, {"sameTensor", guarded<sameTensor>},
          {"alias", guarded<alias>}};
}

}  // namespace suave
