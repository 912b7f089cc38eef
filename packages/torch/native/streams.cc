// Streams and events, by the guard that every kind of device has: no header of CUDA is needed.
#include <thread>

#include "devices.h"

namespace suave {

c10::Stream streamOf(const Call& call, size_t index) {
  const c10::DeviceIndex device = deviceIndex(call, index);
  return c10::Stream(c10::Stream::UNSAFE, c10::Device(at::kCUDA, device), static_cast<c10::StreamId>(call.number(index + 1, "stream")));
}

namespace {

using Guard = c10::impl::DeviceGuardImplInterface;

napi_value fromStream(const Call& call, const c10::Stream& stream) { return call.fromNumber(static_cast<double>(stream.id())); }

/** A point in a stream's work; made at its first recording, on that stream's device. */
struct Event {
  explicit Event(bool withTiming) : timing(withTiming) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() {
    if (handle != nullptr) c10::impl::getDeviceGuardImpl(at::kCUDA)->destroyEvent(handle, device);
  }
  const bool timing;
  void* handle = nullptr;
  c10::DeviceIndex device = -1;
};

Event& eventOf(const Call& call, size_t index) {
  const auto event = call.state->objects.find<Event>(call.number(index, "event"));
  if (event == nullptr) throw ArgumentError("event: it was disposed of");
  return *event;
}

// What older versions lack is done in another way; only the function that fits is instantiated.

template <typename G>
auto newStream(const G& guard, c10::Device device, int priority, int) -> decltype(guard.getNewStream(device, priority)) {
  return guard.getNewStream(device, priority);
}
template <typename G>
c10::Stream newStream(const G& guard, c10::Device device, int priority, long) {
  return guard.getStreamFromGlobalPool(device, priority < 0);
}

template <typename G>
auto waitForEvent(const G& guard, void* event, int) -> decltype(guard.synchronizeEvent(event)) {
  return guard.synchronizeEvent(event);
}
template <typename G>
void waitForEvent(const G& guard, void* event, long) {
  while (!guard.queryEvent(event)) std::this_thread::yield();
}

template <typename G>
auto elapsed(const G& guard, const Event& start, const Event& end, int) -> decltype(guard.elapsedTime(start.handle, end.handle, start.device)) {
  return guard.elapsedTime(start.handle, end.handle, start.device);
}
template <typename G>
double elapsed(const G&, const Event& start, const Event& end, long) {
  return runtimeElapsedTime(start.handle, end.handle);
}

/** `streamNew(device, priority) → stream`: from libtorch's pool, so that it is never freed. */
napi_value streamNew(Call& call) {
  const c10::Device device(at::kCUDA, deviceIndex(call, 0));
  return fromStream(call, newStream<Guard>(cudaGuard(), device, static_cast<int>(call.number(1, "priority")), 0));
}

napi_value streamCurrent(Call& call) { return fromStream(call, cudaGuard().getStream(c10::Device(at::kCUDA, deviceIndex(call, 0)))); }

napi_value streamDefault(Call& call) { return fromStream(call, cudaGuard().getDefaultStream(c10::Device(at::kCUDA, deviceIndex(call, 0)))); }

/** `streamExchange(device, stream) → stream before`, of this thread and that device; the current device stays. */
napi_value streamExchange(Call& call) { return fromStream(call, cudaGuard().exchangeStream(streamOf(call, 0))); }

napi_value streamQuery(Call& call) {
  const c10::Stream stream = streamOf(call, 0);
  call.refuseWhileCapturing("Stream.query");
  return call.fromBoolean(cudaGuard().queryStream(stream));
}

napi_value streamSynchronize(Call& call) {
  const c10::Stream stream = streamOf(call, 0);
  call.refuseWhileCapturing("Stream.synchronize");
  cudaGuard().synchronizeStream(stream);
  return nullptr;
}

/** `streamRecordTensor(device, stream, tensor)`: its memory is not given out again before the stream's work so far is done. */
napi_value streamRecordTensor(Call& call) {
  const c10::Stream stream = streamOf(call, 0);
  const at::Tensor& tensor = call.tensor(2);
  if (!tensor.is_cuda()) throw ArgumentError("recordTensor: expected a tensor on a CUDA device, got one on " + tensor.device().str());
  cudaGuard().recordDataPtrOnStream(tensor.storage().data_ptr(), stream);
  return nullptr;
}

/** `eventNew(timing) → id` */
napi_value eventNew(Call& call) {
  cudaGuard();
  return call.fromNumber(call.state->objects.add(std::make_shared<Event>(call.boolean(0, false))));
}

/** `eventRecord(event, device, stream)` */
napi_value eventRecord(Call& call) {
  Event& event = eventOf(call, 0);
  const c10::Stream stream = streamOf(call, 1);
  if (event.handle != nullptr && event.device != stream.device_index())
    throw ArgumentError("event: it was recorded on cuda:" + std::to_string(event.device) + "; make another one for cuda:" +
                        std::to_string(stream.device_index()));
  cudaGuard().record(&event.handle, stream, event.device, event.timing ? c10::EventFlag::BACKEND_DEFAULT : c10::EventFlag::PYTORCH_DEFAULT);
  event.device = stream.device_index();
  return nullptr;
}

/** `eventBlock(event, device, stream)`: later work of the stream waits for the event; nothing when it was never recorded. */
napi_value eventBlock(Call& call) {
  const Event& event = eventOf(call, 0);
  const c10::Stream stream = streamOf(call, 1);
  if (event.handle != nullptr) cudaGuard().block(event.handle, stream);
  return nullptr;
}

napi_value eventQuery(Call& call) {
  const Event& event = eventOf(call, 0);
  call.refuseWhileCapturing("Event.query");
  return call.fromBoolean(event.handle == nullptr || cudaGuard().queryEvent(event.handle));
}

napi_value eventSynchronize(Call& call) {
  const Event& event = eventOf(call, 0);
  call.refuseWhileCapturing("Event.synchronize");
  if (event.handle != nullptr) waitForEvent<Guard>(cudaGuard(), event.handle, 0);
  return nullptr;
}

/** `eventElapsed(start, end) → milliseconds` */
napi_value eventElapsed(Call& call) {
  const Event& start = eventOf(call, 0);
  const Event& end = eventOf(call, 1);
  if (!start.timing || !end.timing) throw ArgumentError("elapsedTime: expected events that measure time. Make both with { enableTiming: true }.");
  if (start.handle == nullptr || end.handle == nullptr) throw ArgumentError("elapsedTime: expected recorded events. Call record() on both first.");
  call.refuseWhileCapturing("elapsedTime");
  const Guard& guard = cudaGuard();
  if (!guard.queryEvent(start.handle) || !guard.queryEvent(end.handle))
    throw ArgumentError("elapsedTime: the work before the events is not done yet. Call synchronize() on the later one first.");
  return call.fromNumber(elapsed<Guard>(guard, start, end, 0));
}

napi_value eventDispose(Call& call) {
  call.state->objects.remove<Event>(call.number(0, "event"));
  return nullptr;
}

}  // namespace

Exports streamExports() {
  return {{"streamNew", guarded<streamNew>},
          {"streamCurrent", guarded<streamCurrent>},
          {"streamDefault", guarded<streamDefault>},
          {"streamExchange", guarded<streamExchange>},
          {"streamQuery", guarded<streamQuery>},
          {"streamSynchronize", guarded<streamSynchronize>},
          {"streamRecordTensor", guarded<streamRecordTensor>},
          {"eventNew", guarded<eventNew>},
          {"eventRecord", guarded<eventRecord>},
          {"eventBlock", guarded<eventBlock>},
          {"eventQuery", guarded<eventQuery>},
          {"eventSynchronize", guarded<eventSynchronize>},
          {"eventElapsed", guarded<eventElapsed>},
          {"eventDispose", guarded<eventDispose>}};
}

}  // namespace suave
