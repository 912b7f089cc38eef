// Scopes: who frees a tensor, and when; what is alive.
#include "environment.h"

#include <map>
#include <unordered_map>
#include <unordered_set>

namespace suave {
namespace {

napi_value scopeBegin(Call& call) {
  call.state->scopeStarts.push_back(call.state->scoped.size());
  return nullptr;
}

/** The handles that leave a scope: found by comparison while they are few, by a table when they are many. */
class Escaping {
 public:
  Escaping(double* handles, size_t count) : handles_(handles), count_(count) {
    if (count <= kFew) return;
    owned_.resize(count);
    for (size_t i = 0; i < count; ++i) places_.emplace(handleFrom(handles[i]), i);
  }

  /** Whether the handle leaves; it is then known to belong to the scope. */
  bool take(Handle handle) {
    if (count_ > kFew) {
      const auto found = places_.find(handle);
      if (found == places_.end()) return false;
      owned_[found->second] = true;
      return true;
    }
    for (size_t i = 0; i < count_; ++i) {
      if (handleFrom(handles_[i]) != handle) continue;
      few_ |= 1u << i;
      return true;
    }
    return false;
  }

  /** Sets to 0 what did not belong to the scope; returns how many did. */
  size_t dropForeign() {
    size_t own = 0;
    for (size_t i = 0; i < count_; ++i) {
      if (count_ > kFew ? owned_[i] : (few_ >> i & 1) != 0) ++own;
      else handles_[i] = 0;
    }
    return own;
  }

 private:
  static constexpr size_t kFew = 8;
  double* handles_;
  size_t count_;
  uint32_t few_ = 0;
  std::vector<bool> owned_;
  std::unordered_map<Handle, size_t> places_;
};

/**
 * `scopeEnd(escaping?) → number`: frees what was made since `scopeBegin`, but for the escaping handles, which join the outer
 * scope; returns how many belong to none, since there is no outer one. Handles in `escaping` that are not this scope's (made
 * outside, kept, named twice) become 0.
 */
napi_value scopeEnd(Call& call) {
  Environment& state = *call.state;
  if (state.scopeStarts.empty()) throw ArgumentError("scopeEnd: no scope is open");
  HandleView view;
  if (!call.missing(0) && !readHandles(state, call.env, call.argv[0], &view)) throw ArgumentError("scopeEnd: expected a list of Tensors");
  Escaping escaping(const_cast<double*>(view.data), view.length);  // memory of JavaScript that is ours to write
  const size_t start = state.scopeStarts.back();
  state.scopeStarts.pop_back();
  const bool outermost = state.scopeStarts.empty();
  size_t end = start;
  for (size_t i = start; i < state.scoped.size(); ++i) {
    const Handle handle = state.scoped[i];
    if (!state.slots.alive(handle) || state.slots.kept(handle)) continue;
    if (view.length > 0 && escaping.take(handle)) {
      if (!outermost) state.scoped[end++] = handle;
    } else {
      state.slots.release(handle);
    }
  }
  state.scoped.resize(end);
  if (view.length == 0) return nullptr;
  const size_t own = escaping.dropForeign();
  return call.fromNumber(outermost ? static_cast<double>(own) : 0);
}

napi_value scopeDepth(Call& call) { return call.fromNumber(static_cast<double>(call.state->scopeStarts.size())); }

/** `keep(tensor) → whether it was not kept before`: no scope will free it. */
napi_value keep(Call& call) {
  const Handle handle = call.handle(0);
  call.state->slots.get(handle);
  const bool before = call.state->slots.kept(handle);
  call.state->slots.setKept(handle, true);
  return call.fromBoolean(!before);
}

napi_value release(Call& call) {
  call.state->slots.release(call.handle(0));
  return nullptr;
}

napi_value alive(Call& call) { return call.fromBoolean(call.state->slots.alive(call.handle(0))); }

napi_value liveCount(Call& call) { return call.fromNumber(static_cast<double>(call.state->slots.live())); }

/** `peakCount(reset?)`: most tensors alive at once since the last reset. */
napi_value peakCount(Call& call) {
  const double peak = static_cast<double>(call.state->slots.peak());
  if (call.boolean(0, false)) call.state->slots.resetPeak();
  return call.fromNumber(peak);
}

/** Calls `visit` for each storage behind the live handles, once. */
template <typename Visit>
void forEachStorage(const Environment& state, Visit visit) {
  std::unordered_set<const void*> seen;
  state.slots.forEach([&](const at::Tensor& tensor) {
    if (!tensor.defined() || !tensor.has_storage()) return;
    if (seen.insert(tensor.storage().unsafeGetStorageImpl()).second) visit(tensor);
  });
}

napi_value liveBytes(Call& call) {
  double bytes = 0;
  forEachStorage(*call.state, [&](const at::Tensor& tensor) { bytes += static_cast<double>(tensor.storage().nbytes()); });
  return call.fromNumber(bytes);
}

/** `liveDevices() → [device, tensors, bytes, device, …]`: the live tensors of each device, and the bytes of their storages. */
napi_value liveDevices(Call& call) {
  std::map<std::string, std::pair<double, double>> devices;
  call.state->slots.forEach([&](const at::Tensor& tensor) {
    if (tensor.defined()) ++devices[tensor.device().str()].first;
  });
  forEachStorage(*call.state, [&](const at::Tensor& tensor) {
    devices[tensor.device().str()].second += static_cast<double>(tensor.storage().nbytes());
  });
  napi_value result;
  call.check(napi_create_array_with_length(call.env, devices.size() * 3, &result));
  uint32_t place = 0;
  for (const auto& [device, totals] : devices) {
    call.check(napi_set_element(call.env, result, place++, call.fromString(device)));
    call.check(napi_set_element(call.env, result, place++, call.fromNumber(totals.first)));
    call.check(napi_set_element(call.env, result, place++, call.fromNumber(totals.second)));
  }
  return result;
}

}  // namespace

Exports scopeExports() {
  return {{"scopeBegin", guarded<scopeBegin>}, {"scopeEnd", guarded<scopeEnd>},   {"scopeDepth", guarded<scopeDepth>},
          {"keep", guarded<keep>},             {"release", guarded<release>},     {"alive", guarded<alive>},
          {"liveCount", guarded<liveCount>},   {"peakCount", guarded<peakCount>}, {"liveBytes", guarded<liveBytes>},
          {"liveDevices", guarded<liveDevices>}};
}

}  // namespace suave
