// Memory that tensors and typed arrays have in common: tensors over JavaScript's memory, typed arrays over a tensor's.
#include "typed_arrays.h"

#include <unordered_map>

#include <mutex>
#include <thread>

namespace suave {

/**
 * What one Node environment lends and borrows. JavaScript memory that a tensor uses is held by a strong reference, which may be
 * deleted on the environment's thread only; libtorch may free a tensor on any thread, so other threads leave the reference in a
 * queue and wake the owner. A tensor's memory that JavaScript uses is held by its storage, which the array's finalizer drops.
 */
class SharedMemory {
 public:
  explicit SharedMemory(napi_env env) : env_(env), owner_(std::this_thread::get_id()) {}

  /** Begins: the function that wakes this thread, and the hook that ends everything before the environment does. */
  static std::shared_ptr<SharedMemory> open(const Call& call) {
    auto memory = std::make_shared<SharedMemory>(call.env);
    napi_value name;
    call.check(napi_create_string_utf8(call.env, "suave_torch", NAPI_AUTO_LENGTH, &name));
    auto* context = new std::shared_ptr<SharedMemory>(memory);
    const auto finalize = [](napi_env, void* data, void*) {
      auto* held = static_cast<std::shared_ptr<SharedMemory>*>(data);
      (*held)->close();
      delete held;
    };
    const auto wake = [](napi_env env, napi_value, void* data, void*) {
      if (env != nullptr) (*static_cast<std::shared_ptr<SharedMemory>*>(data))->deleteReturned();
    };
    if (napi_create_threadsafe_function(call.env, nullptr, nullptr, name, 0, 1, context, finalize, context, wake, &memory->waker_) != napi_ok) {
      delete context;
      throw PendingException{};
    }
    call.check(napi_unref_threadsafe_function(call.env, memory->waker_));  // does not keep the process alive
    // Hooks run last first: this one before those of the threadsafe function and of the addon's own state.
    call.check(napi_add_env_cleanup_hook(call.env, [](void* data) { static_cast<SharedMemory*>(data)->close(); }, memory.get()));
    return memory;
  }

  /** Lets go of a reference; on any thread. */
  void giveBack(napi_ref reference) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (closed_) return;  // the environment deletes its references itself
    if (std::this_thread::get_id() == owner_) {
      napi_delete_reference(env_, reference);
      return;
    }
    returned_.push_back(reference);
    if (!woken_) woken_ = napi_call_threadsafe_function(waker_, nullptr, napi_tsfn_nonblocking) == napi_ok;
  }

  void deleteReturned() {
    const std::lock_guard<std::mutex> lock(mutex_);
    woken_ = false;
    if (closed_) return;
    for (napi_ref reference : returned_) napi_delete_reference(env_, reference);
    returned_.clear();
  }

  /** Weak references to the arrays over each storage, so that one storage has one ArrayBuffer. */
  std::unordered_map<const c10::StorageImpl*, napi_ref> arrays;

 private:
  void close() {
    const std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
  }

  napi_env env_;
  std::thread::id owner_;
  napi_threadsafe_function waker_ = nullptr;
  std::mutex mutex_;
  bool closed_ = false;
  bool woken_ = false;
  std::vector<napi_ref> returned_;
};

namespace {

/** A typed array's memory, used by a storage. */
struct Loan {
  std::shared_ptr<SharedMemory> memory;
  napi_ref view;
};

void endLoan(void* data) {
  auto* loan = static_cast<Loan*>(data);
  loan->memory->giveBack(loan->view);
  delete loan;
}

/** A storage's memory, used by an ArrayBuffer. */
struct ArrayOverStorage {
  std::shared_ptr<SharedMemory> memory;
  c10::Storage storage;
  napi_ref array;
};

void endArray(napi_env env, void*, void* data) {
  auto* over = static_cast<ArrayOverStorage*>(data);
  auto& arrays = over->memory->arrays;
  const auto found = arrays.find(over->storage.unsafeGetStorageImpl());
  if (found != arrays.end() && found->second == over->array) arrays.erase(found);
  if (over->array != nullptr) napi_delete_reference(env, over->array);
  delete over;
}

const std::shared_ptr<SharedMemory>& memoryOf(const Call& call) {
  if (call.state->sharedMemory == nullptr) call.state->sharedMemory = SharedMemory::open(call);
  return call.state->sharedMemory;
}

const Loan* loanOf(const at::Tensor& tensor) {
  if (!tensor.defined() || !tensor.has_storage()) return nullptr;
  const at::DataPtr& data = tensor.storage().data_ptr();
  return data.get_deleter() == &endLoan ? static_cast<const Loan*>(data.get_context()) : nullptr;
}

/** `borrow(bytes, shape, dtype) → handle`: a tensor in the memory of `bytes`, which lives as long as the tensor's storage. */
napi_value borrow(Call& call) {
  const std::vector<int64_t> shape = call.integers(1, "shape");  // may run JavaScript
  const Bytes bytes = bytesOf(call, 0);
  const auto dtype = parseDtype(call.string(2, "dtype"));
  size_t wanted = c10::elementSize(dtype);
  if (reinterpret_cast<uintptr_t>(bytes.data) % wanted != 0)
    throw ArgumentError("the array begins at an address that is not a multiple of " + std::to_string(wanted) + " bytes. Copy it first.");
  for (const int64_t size : shape) wanted *= static_cast<size_t>(size);
  if (wanted != bytes.length)
    throw ArgumentError("expected " + std::to_string(wanted) + " bytes for this shape and dtype, got " + std::to_string(bytes.length));
  if (bytes.length == 0) return call.adopt(at::empty(shape, at::TensorOptions().dtype(dtype)));
  const auto& memory = memoryOf(call);
  napi_ref view;
  call.check(napi_create_reference(call.env, call.argv[0], 1, &view));
  return call.adopt(at::for_blob(bytes.data, shape).context(new Loan{memory, view}, &endLoan).options(at::TensorOptions().dtype(dtype)).make_tensor());
}

napi_value bytesOver(const Call& call, napi_value buffer, size_t length) {
  napi_value view;
  call.check(napi_create_typedarray(call.env, napi_uint8_array, length, buffer, 0, &view));
  return view;
}

/** `expose(tensor) → Uint8Array` over the whole storage, which it keeps alive. The caller has checked device and layout. */
napi_value expose(Call& call) {
  const at::Tensor& tensor = call.tensor(0);
  const c10::Storage storage = tensor.storage();
  napi_value array = nullptr;
  if (const Loan* loan = loanOf(tensor)) {
    if (loan->memory != call.state->sharedMemory)
      throw ArgumentError("asTypedArray: the memory belongs to a typed array of another thread. Use data() for a copy.");
    call.check(napi_get_reference_value(call.env, loan->view, &array));
    return array;
  }
  if (storage.nbytes() == 0) {
    void* nothing = nullptr;
    call.check(napi_create_arraybuffer(call.env, 0, &nothing, &array));
    return bytesOver(call, array, 0);
  }
  const auto& memory = memoryOf(call);
  const auto known = memory->arrays.find(storage.unsafeGetStorageImpl());
  if (known != memory->arrays.end()) {
    call.check(napi_get_reference_value(call.env, known->second, &array));
    if (array != nullptr) return bytesOver(call, array, storage.nbytes());
  }
  auto* over = new ArrayOverStorage{memory, storage, nullptr};
  const napi_status status = napi_create_external_arraybuffer(call.env, const_cast<void*>(storage.data_ptr().get()), storage.nbytes(), endArray, over, &array);
  if (status != napi_ok) {
    delete over;
    if (status == napi_no_external_buffers_allowed)
      throw ArgumentError("asTypedArray: this JavaScript runtime does not let arrays use memory of others. Use data() for a copy.");
    throw PendingException{};
  }
  call.check(napi_create_reference(call.env, array, 0, &over->array));
  memory->arrays[storage.unsafeGetStorageImpl()] = over->array;
  storage.unsafeGetStorageImpl()->set_resizable(false);  // growing would move the memory away from under the array
  return bytesOver(call, array, storage.nbytes());
}

/** `inJavaScriptMemory(tensor)`: whether a typed array's memory is its storage. */
napi_value inJavaScriptMemory(Call& call) { return call.fromBoolean(loanOf(call.tensor(0)) != nullptr); }

}  // namespace

Exports typedArrayExports() {
  return {{"borrow", guarded<borrow>}, {"expose", guarded<expose>}, {"inJavaScriptMemory", guarded<inJavaScriptMemory>}};
}

}  // namespace suave
