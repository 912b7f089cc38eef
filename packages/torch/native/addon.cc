// Module entry: one Environment for each Node environment, and the exported functions.
#include "allocator.h"
#include "autograd.h"

NAPI_MODULE_INIT() {
  using namespace suave;
  tuneAllocator();
  auto* state = new Environment();
  if (napi_set_instance_data(env, state, [](napi_env, void* data, void*) { delete static_cast<Environment*>(data); }, nullptr) != napi_ok) {
    delete state;
    return nullptr;
  }
  for (const auto& group : {operatorExports(), traceExports(), tensorExports(), typedArrayExports(), autogradExports(), modeExports(), anomalyExports(), checkpointExports(),
                            scopeExports(), sharingExports(), runtimeExports(),
                            deviceExports(), glooExports(), syncBatchNormExports(), optimExports(), allocatorExports()}) {
    for (const Export& entry : group) {
      napi_value function;
      if (napi_create_function(env, entry.name, NAPI_AUTO_LENGTH, entry.callback, state, &function) != napi_ok ||
          napi_set_named_property(env, exports, entry.name, function) != napi_ok)
        return nullptr;
    }
  }
  return exports;
}
