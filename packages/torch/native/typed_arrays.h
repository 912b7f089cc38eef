// Bytes of typed arrays, as the addon takes them.
#pragma once

#include "environment.h"

namespace suave {

/** The bytes behind a Uint8Array; valid until JavaScript runs again. */
struct Bytes {
  uint8_t* data = nullptr;
  size_t length = 0;
};

/** @throws ArgumentError when the argument is no Uint8Array */
inline Bytes bytesOf(const Call& call, size_t index) {
  Bytes bytes;
  napi_typedarray_type type;
  void* data = nullptr;
  if (index >= call.argc || napi_get_typedarray_info(call.env, call.argv[index], &type, &bytes.length, &data, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array)
    throw ArgumentError("expected the bytes of a typed array");
  bytes.data = static_cast<uint8_t*>(data);
  return bytes;
}

}  // namespace suave
