// Module entry: one Environment for each Node environment, and the exported functions.
#include "environment.h"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <mutex>

namespace suave {
namespace {

/**
 * Large tensors come and go every step: keep their pages instead of giving them back and faulting them in again. 32 MiB is the
 * largest threshold that glibc takes; larger requests come from the heap too, since mapping is off.
 */
void tuneAllocator() {
#if defined(__GLIBC__)
  static std::once_flag once;
  std::call_once(once, [] {
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_TOP_PAD, 16 << 20);
  });
#endif
}

}  // namespace
}  // namespace suave

NAPI_MODULE_INIT() {
  using namespace suave;
  tuneAllocator();
  auto* state = new Environment();
  if (napi_set_instance_data(env, state, [](napi_env, void* data, void*) { delete static_cast<Environment*>(data); }, nullptr) != napi_ok) {
    delete state;
    return nullptr;
  }
  for (const auto& group : {operatorExports(), tensorExports(), autogradExports(), checkpointExports(), scopeExports(), sharingExports(), runtimeExports(),
                            deviceExports(), glooExports(), syncBatchNormExports(), optimExports()}) {
    for (const Export& entry : group) {
      napi_value function;
      if (napi_create_function(env, entry.name, NAPI_AUTO_LENGTH, entry.callback, state, &function) != napi_ok ||
          napi_set_named_property(env, exports, entry.name, function) != napi_ok)
        return nullptr;
    }
  }
  return exports;
}
