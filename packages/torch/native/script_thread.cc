// Work that threads of the engine ask of the thread that runs JavaScript.
#include "autograd.h"

#include <ATen/ThreadLocalState.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace suave {

DeviceState DeviceState::current() {
  DeviceState state;
  if (!c10::impl::hasDeviceGuardImpl(c10::DeviceType::CUDA)) return state;
  const c10::impl::VirtualGuardImpl guard(c10::DeviceType::CUDA);
  const auto count = guard.deviceCount();
  if (count == 0) return state;
  state.device = guard.getDevice();
  for (c10::DeviceIndex i = 0; i < count; ++i) state.streams.push_back(guard.getStream(c10::Device(c10::DeviceType::CUDA, i)));
  return state;
}

void DeviceState::apply() const {
  if (!device.has_value()) return;
  const c10::impl::VirtualGuardImpl guard(c10::DeviceType::CUDA);
  for (const c10::Stream& stream : streams) guard.exchangeStream(stream);
  guard.setDevice(*device);
}

void ScriptThread::run(const std::function<void()>& task) {
  if (here()) {
    task();
    return;
  }
  const DeviceState devices = DeviceState::current();
  const std::function<void()> placed = [&] {
    const DeviceState own = DeviceState::current();
    devices.apply();
    try {
      task();
    } catch (...) {
      own.apply();
      throw;
    }
    own.apply();
  };
  Request request{&placed, nullptr};
  std::unique_lock<std::mutex> lock(mutex_);
  if (serving_ == 0 || closed_)
    throw std::runtime_error(
        "the engine came to a checkpoint on a thread of its own while the thread of JavaScript was busy. "
        "Checkpoints inside each other are possible up to 50 levels.");
  requests_.push_back(&request);
  changed_.notify_all();
  changed_.wait(lock, [&] { return request.done; });
  if (request.error) std::rethrow_exception(request.error);
}

void ScriptThread::serveWhile(const std::function<void()>& work) {
  const at::ThreadLocalState modes;
  const AutocastState casting = AutocastState::current();
  const DeviceState devices = DeviceState::current();
  std::exception_ptr error;
  bool finished = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ++serving_;
  }
  std::thread worker([&] {
    try {
      const at::ThreadLocalStateGuard guard(modes);
      casting.apply();
      devices.apply();
      work();
    } catch (...) {
      error = std::current_exception();
    }
    std::lock_guard<std::mutex> lock(mutex_);
    finished = true;
    changed_.notify_all();
  });
  {
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return finished || !requests_.empty(); });
      if (requests_.empty()) break;
      Request* request = requests_.front();
      requests_.pop_front();
      lock.unlock();
      try {
        (*request->task)();
      } catch (...) {
        request->error = std::current_exception();
      }
      lock.lock();
      request->done = true;
      changed_.notify_all();
    }
    --serving_;
  }
  worker.join();
  if (error) std::rethrow_exception(error);
}

void ScriptThread::drop(napi_ref reference) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (closed_) return;  // the environment has freed its references
  if (here()) {
    napi_delete_reference(env, reference);
  } else {
    dropped_.push_back(reference);
  }
}

void ScriptThread::sweep() {
  std::lock_guard<std::mutex> lock(mutex_);
  for (napi_ref reference : dropped_) napi_delete_reference(env, reference);
  dropped_.clear();
}

void ScriptThread::close() {
  std::lock_guard<std::mutex> lock(mutex_);
  closed_ = true;
}

}  // namespace suave
