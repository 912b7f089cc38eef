// Scopes: who frees a tensor, and when.
#include "environment.h"

#include <unordered_set>

namespace suave {
namespace {

napi_value scopeBegin(Call& call) {
  call.state->scopeStarts.push_back(call.state->scoped.size());
  return nullptr;
}

/** `scopeEnd(escaping?)`: frees what was made since `scopeBegin`, but for the escaping handles, which join the outer scope. */
napi_value scopeEnd(Call& call) {
  Environment& state = *call.state;
  if (state.scopeStarts.empty()) throw ArgumentError("scopeEnd: no scope is open");
  const size_t start = state.scopeStarts.back();
  state.scopeStarts.pop_back();
  HandleView view;
  if (!call.missing(0) && !readHandles(state, call.env, call.argv[0], &view)) throw ArgumentError("scopeEnd: expected a list of Tensors");
  const double* escaping = view.data;
  const size_t count = view.length;
  std::unordered_set<Handle> many;
  if (count > 8)
    for (size_t i = 0; i < count; ++i) many.insert(static_cast<Handle>(escaping[i]));
  const auto escapes = [&](Handle handle) {
    if (count > 8) return many.count(handle) > 0;
    for (size_t i = 0; i < count; ++i)
      if (static_cast<Handle>(escaping[i]) == handle) return true;
    return false;
  };
  const bool outermost = state.scopeStarts.empty();
  size_t end = start;
  for (size_t i = start; i < state.scoped.size(); ++i) {
    const Handle handle = state.scoped[i];
    if (!state.slots.alive(handle) || state.slots.kept(handle)) continue;
    if (count > 0 && escapes(handle)) {
      if (!outermost) state.scoped[end++] = handle;
    } else {
      state.slots.release(handle);
    }
  }
  state.scoped.resize(end);
  return nullptr;
}

napi_value scopeDepth(Call& call) { return call.fromNumber(static_cast<double>(call.state->scopeStarts.size())); }

/** `keep(tensor)`: no scope will free it. */
napi_value keep(Call& call) {
  const Handle handle = call.handle(0);
  call.state->slots.get(handle);
  call.state->slots.setKept(handle, true);
  return nullptr;
}

napi_value release(Call& call) {
  call.state->slots.release(call.handle(0));
  return nullptr;
}

napi_value alive(Call& call) { return call.fromBoolean(call.state->slots.alive(call.handle(0))); }

napi_value liveCount(Call& call) { return call.fromNumber(static_cast<double>(call.state->slots.live())); }

/** Bytes of the storages behind the live handles, each storage once. */
napi_value liveBytes(Call& call) {
  std::unordered_set<const void*> seen;
  double bytes = 0;
  call.state->slots.forEach([&](const at::Tensor& tensor) {
    if (!tensor.defined() || !tensor.has_storage()) return;
    if (seen.insert(tensor.storage().unsafeGetStorageImpl()).second) bytes += static_cast<double>(tensor.storage().nbytes());
  });
  return call.fromNumber(bytes);
}

}  // namespace

Exports scopeExports() {
  return {{"scopeBegin", guarded<scopeBegin>}, {"scopeEnd", guarded<scopeEnd>}, {"scopeDepth", guarded<scopeDepth>},
          {"keep", guarded<keep>},             {"release", guarded<release>},   {"alive", guarded<alive>},
          {"liveCount", guarded<liveCount>},   {"liveBytes", guarded<liveBytes>}};
}

}  // namespace suave
