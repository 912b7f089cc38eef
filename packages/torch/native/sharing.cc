// Tensors between the threads of a process: a registry, guarded by a mutex, of tensors by token; any environment takes them up.
#include "environment.h"

#include <algorithm>
#include <mutex>
#include <random>
#include <unordered_map>

namespace suave {
namespace {

/** A token, of another process or disposed of, that names nothing. */
struct TokenError : ArgumentError {
  TokenError()
      : ArgumentError("fromShared: nothing is shared under this token. It was disposed of, or comes from another process: share the tensor again.") {}
};

/** The one thing that all environments of the process have in common; tokens are random, so that a stray number finds nothing. */
class Registry {
 public:
  static Registry& singleton() {
    static Registry* registry = new Registry();  // never destroyed: threads may outlive static destructors
    return *registry;
  }

  double put(at::Tensor tensor) {
    std::lock_guard<std::mutex> lock(mutex_);
    uint64_t token = 0;
    while (token == 0 || tensors_.count(token) > 0) token = random_() >> 11;  // below 2^53
    tensors_.emplace(token, std::move(tensor));
    return static_cast<double>(token);
  }

  at::Tensor get(Handle token, bool remove) {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto found = tensors_.find(token);
    if (found == tensors_.end()) throw TokenError();
    at::Tensor tensor = found->second;
    if (remove) tensors_.erase(found);
    return tensor;
  }

  bool drop(Handle token) {
    at::Tensor dropped;  // destroyed after the lock is given back
    std::lock_guard<std::mutex> lock(mutex_);
    const auto found = tensors_.find(token);
    if (found == tensors_.end()) return false;
    dropped = std::move(found->second);
    tensors_.erase(found);
    return true;
  }

  size_t size() {
    std::lock_guard<std::mutex> lock(mutex_);
    return tensors_.size();
  }

 private:
  Registry() : random_(std::random_device{}()) {}
  std::mutex mutex_;
  std::mt19937_64 random_;
  std::unordered_map<uint64_t, at::Tensor> tensors_;
};

/** A tensor object of its own on the same storage: no graph, no gradient, a version counter of its own. */
at::Tensor sameStorage(const at::Tensor& tensor) { return tensor.variable_data(); }

/** Memory that the environment of one thread owns would end with it. */
bool ownedByLibtorch(const at::Tensor& tensor) {
  if (!tensor.device().is_cpu()) return true;
  const auto deleter = tensor.storage().data_ptr().get_deleter();
  return deleter == c10::GetAllocator(c10::DeviceType::CPU)->raw_deleter() || tensor.is_pinned();
}

/** `shareTensor(tensor) → token`: the storage lives until the token is dropped and every handle on it is freed. */
napi_value shareTensor(Call& call) {
  const at::Tensor tensor = call.tensor(0);
  if (!tensor.has_storage() || tensor.layout() != at::kStrided)
    throw ArgumentError("shareTensor: expected a dense tensor, got a sparse one. Share its toDense().");
  if (tensor.requires_grad() && !tensor.is_leaf())
    throw ArgumentError("shareTensor: expected a tensor without a graph, got the result of a recorded operation. Share its detach().");
  if (!ownedByLibtorch(tensor))
    throw ArgumentError("shareTensor: expected a tensor in libtorch's memory, got one in JavaScript's, which ends with its thread. Share its clone().");
  at::Tensor shared = sameStorage(tensor);
  shared.set_requires_grad(tensor.requires_grad());
  shared.storage().unsafeGetStorageImpl()->set_resizable(false);  // growing would move the memory away from under the other threads
  return call.fromNumber(Registry::singleton().put(std::move(shared)));
}

Handle tokenOf(const Call& call) { return handleFrom(call.number(0, "token")); }

/** `fromShared(token, release) → handle`; any environment, any number of times, until the token is dropped. */
napi_value fromShared(Call& call) {
  const at::Tensor shared = Registry::singleton().get(tokenOf(call), call.boolean(1, false));
  at::Tensor tensor = sameStorage(shared);
  tensor.set_requires_grad(shared.requires_grad());
  return call.adopt(std::move(tensor));
}

/** `disposeShared(token) → whether it was there`. */
napi_value disposeShared(Call& call) { return call.fromBoolean(Registry::singleton().drop(tokenOf(call))); }

/** Tokens of the process that were not dropped. */
napi_value sharedCount(Call& call) { return call.fromNumber(static_cast<double>(Registry::singleton().size())); }

}  // namespace

Exports sharingExports() {
  return {{"shareTensor", guarded<shareTensor>},
          {"fromShared", guarded<fromShared>},
          {"disposeShared", guarded<disposeShared>},
          {"sharedCount", guarded<sharedCount>}};
}

}  // namespace suave
