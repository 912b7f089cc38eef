// State of one Node environment (main thread or worker) and the call frame that every exported function receives.
#pragma once

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <node_api.h>

#include <cmath>
#include <memory>
#include <string>
#include <typeindex>
#include <unordered_map>
#include <vector>

#include "slots.h"

namespace suave {

struct Plan;
class SharedMemory;
class Trace;

/** Objects that JavaScript names by ids, each of one kind: an id names nothing of another kind. */
class ObjectTable {
 public:
  /** Stores an object as a `T`. */
  template <typename T>
  uint32_t add(std::shared_ptr<T> object) {
    const uint32_t id = next_++;
    objects_.emplace(id, Entry{typeid(T), std::move(object)});
    return id;
  }

  /** The object that was stored as a `T` under this id, or nothing. */
  template <typename T>
  std::shared_ptr<T> find(double id) const {
    const auto found = objects_.find(keyOf(id));
    if (found == objects_.end() || found->second.kind != typeid(T)) return nullptr;
    return std::static_pointer_cast<T>(found->second.object);
  }

  /** Lets the object go; an id of nothing, or of another kind, is left alone. */
  template <typename T>
  void remove(double id) {
    if (find<T>(id) != nullptr) objects_.erase(keyOf(id));
  }

 private:
  struct Entry {
    std::type_index kind;
    std::shared_ptr<void> object;
  };

  /** 0, which is never an id, for what is none. */
  static uint32_t keyOf(double id) { return id >= 1 && id <= 4294967295.0 && id == std::floor(id) ? static_cast<uint32_t>(id) : 0; }

  std::unordered_map<uint32_t, Entry> objects_;
  uint32_t next_ = 1;
};

/** Everything the addon knows in one Node environment; nothing is global, so worker threads can load the addon. */
struct Environment {
  SlotTable<at::Tensor> slots;
  std::vector<Handle> scoped;        // tensors made inside the open scopes, oldest first
  std::vector<size_t> scopeStarts;   // where each open scope begins in `scoped`
  std::vector<std::unique_ptr<Plan>> plans;
  std::vector<c10::IValue> stack;    // reused by every operator call
  std::unordered_map<uint32_t, at::Generator> generators;
  ObjectTable objects;               // process groups, events, graphs
  std::shared_ptr<void> autograd;    // differentiation's part, see autograd.h; made when first needed
  std::shared_ptr<SharedMemory> sharedMemory;  // what typed arrays and tensors have in common; made at first use
  std::shared_ptr<Trace> trace;      // of the calls, while `traceOperators` runs
  uint32_t nextId = 1;
  uint32_t calls = 0;                // of operators, counted to notice one that is made while another one's arguments are read
  bool capturing = false;            // a CUDA graph is being captured by this thread
  napi_ref errorFactory = nullptr;
  napi_ref handleRingReference = nullptr;
  double* handleRing = nullptr;      // lists of handles, see src/handle-list.ts
  size_t handleRingLength = 0;

  Environment();
  ~Environment();

  /** Stores a result; inside a scope the innermost one will free it. */
  Handle adopt(at::Tensor tensor) {
    if (scopeStarts.empty()) return slots.put(std::move(tensor));
    if (scoped.size() == scoped.capacity()) growScoped();
    const Handle handle = slots.put(std::move(tensor));
    scoped.push_back(handle);
    return handle;
  }

 private:
  /** Makes room in `scoped`; in a scope that lives long and disposes of its tensors one by one, by dropping those. */
  void growScoped();
};

/** A list of handles from JavaScript, where it lies. */
struct HandleView {
  const double* data = nullptr;
  size_t length = 0;
};

/** Reads a list of handles: a place in the ring, or a Float64Array. Returns false for anything else. */
bool readHandles(const Environment& state, napi_env env, napi_value value, HandleView* view);

/** A value from JavaScript that does not fit: reported as a usage error with this text. */
struct ArgumentError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/** An operator of libtorch failed; carries what the message needs. */
struct OperatorError : std::runtime_error {
  OperatorError(std::string op, std::string args, const std::string& message, std::string errorCode = "ERR_TORCH_OPERATOR")
      : std::runtime_error(message), operatorName(std::move(op)), arguments(std::move(args)), code(std::move(errorCode)) {}
  std::string operatorName;
  std::string arguments;
  std::string code;
};

/** A JavaScript exception is already pending. */
struct PendingException {};

/** One call from JavaScript: arguments, and conversions that throw on misuse. */
class Call {
 public:
  static constexpr size_t kMaxArguments = 64;
  static constexpr size_t kUsualArguments = 8;

  Call(napi_env callEnv, napi_callback_info info) : env(callEnv) {
    void* data = nullptr;
    // Node fills the places that are asked for and not given: few are asked for, unless more were given.
    argc = kUsualArguments;
    napi_get_cb_info(env, info, &argc, argv, nullptr, &data);
    if (argc > kUsualArguments) {
      argc = kMaxArguments;
      napi_get_cb_info(env, info, &argc, argv, nullptr, nullptr);
    }
    state = static_cast<Environment*>(data);
  }

  napi_env env;
  Environment* state;
  size_t argc;
  napi_value argv[kMaxArguments];

  void check(napi_status status) const {
    if (status != napi_ok) throw PendingException{};
  }

  napi_valuetype typeOf(size_t index) const;
  bool missing(size_t index) const;
  double number(size_t index, const char* what) const;
  bool boolean(size_t index, bool fallback) const;
  std::string string(size_t index, const char* what) const;
  const at::Tensor& tensor(size_t index) const;
  Handle handle(size_t index) const;
  std::vector<int64_t> integers(size_t index, const char* what) const;
  /** A list of handles; 0 gives an undefined tensor. */
  std::vector<at::Tensor> tensors(size_t index, const char* what) const;

  napi_value fromNumber(double value) const;
  napi_value fromBoolean(bool value) const;
  napi_value fromString(const std::string& value) const;
  napi_value fromHandles(const std::vector<at::Tensor>& tensors) const;
  /** As `fromHandles`, through the ring when they are few; only for the one list that a call returns. */
  napi_value fromHandlesInRing(const std::vector<at::Tensor>& tensors) const;
  napi_value adopt(at::Tensor tensor) const { return fromNumber(static_cast<double>(state->adopt(std::move(tensor)))); }
  napi_value undefined() const;

  /** For what waits for a device or reads from it: that would spoil the graph that is being captured. */
  void refuseWhileCapturing(const char* where) const {
    if (state->capturing)
      throw OperatorError("", "", std::string(where) + ": a CUDA graph is being captured, and waiting for the device is not possible in it. "
                          "Move it out of the captured function, before or after.", "ERR_TORCH_CAPTURING");
  }
};

std::string readString(napi_env env, napi_value value, const char* what);
c10::ScalarType parseDtype(const std::string& name);
const char* dtypeName(c10::ScalarType dtype);

/** Turns every C++ exception into a typed JavaScript error. */
void throwToJavaScript(napi_env env, Environment* state);

template <napi_value (*Body)(Call&)>
napi_value guarded(napi_env env, napi_callback_info info) {
  Call call(env, info);
  try {
    return Body(call);
  } catch (...) {
    throwToJavaScript(env, call.state);
    return nullptr;
  }
}

/** A function of the addon, as its file registers it. */
struct Export {
  const char* name;
  napi_callback callback;
};

using Exports = std::vector<Export>;

Exports operatorExports();
Exports traceExports();
Exports tensorExports();
Exports typedArrayExports();
Exports autogradExports();
Exports scopeExports();
Exports runtimeExports();
Exports glooExports();
Exports deviceExports();
Exports sharingExports();
Exports checkpointExports();
Exports syncBatchNormExports();
Exports optimExports();

}  // namespace suave
