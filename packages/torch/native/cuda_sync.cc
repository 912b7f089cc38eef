// What makes the host wait for a CUDA device: libtorch warns of it, refuses it, or counts it for us.
#include "devices.h"

#if SUAVE_HAS_CUDA
#include <c10/cuda/CUDAFunctions.h>
#include <c10/util/Exception.h>
#endif

namespace suave {

bool hasSyncDebugMode() { return SUAVE_HAS_CUDA == 1 && SUAVE_TORCH_AT_LEAST(2, 0); }

namespace {

#if SUAVE_HAS_CUDA && SUAVE_TORCH_AT_LEAST(2, 0)

using c10::cuda::SyncDebugMode;

/** Counts libtorch's warnings of waits in this thread while it lives, and gives all others to the handler before it. */
class SyncCounter : public c10::WarningHandler {
 public:
  SyncCounter() : modeBefore_(c10::cuda::warning_state().get_sync_debug_mode()), before_(c10::WarningUtils::get_warning_handler()) {
    c10::cuda::warning_state().set_sync_debug_mode(SyncDebugMode::L_WARN);
    c10::WarningUtils::set_warning_handler(this);
  }
  ~SyncCounter() override {
    c10::WarningUtils::set_warning_handler(before_);
    c10::cuda::warning_state().set_sync_debug_mode(modeBefore_);
  }
  void process(const c10::Warning& warning) override {
    if (warning.msg().find("called a synchronizing CUDA operation") != std::string::npos)
      ++count_;
    else
      before_->process(warning);
  }
  double count() const { return static_cast<double>(count_); }

 private:
  const SyncDebugMode modeBefore_;
  c10::WarningHandler* const before_;
  uint64_t count_ = 0;
};

/** `setSyncDebugMode(mode)`: 0 nothing, 1 warns, 2 refuses; for the whole process. */
napi_value setSyncDebugMode(Call& call) {
  cudaGuard();
  c10::cuda::warning_state().set_sync_debug_mode(static_cast<SyncDebugMode>(static_cast<int>(call.number(0, "mode"))));
  return nullptr;
}

napi_value getSyncDebugMode(Call& call) {
  cudaGuard();
  return call.fromNumber(static_cast<double>(static_cast<int>(c10::cuda::warning_state().get_sync_debug_mode())));
}

/** `syncCountBegin() → id`; ends with `syncCountEnd`, the last begun first. */
napi_value syncCountBegin(Call& call) {
  cudaGuard();
  return call.fromNumber(call.state->objects.add(std::make_shared<SyncCounter>()));
}

/** `syncCountEnd(id) → count` */
napi_value syncCountEnd(Call& call) {
  const double id = call.number(0, "counter");
  const auto counter = call.state->objects.find<SyncCounter>(id);
  if (counter == nullptr) throw ArgumentError("counter: it was ended already");
  call.state->objects.remove<SyncCounter>(id);
  return call.fromNumber(counter->count());
}

#else

napi_value noSyncDebugMode(Call&) {
  cudaGuard();
  missingFeature("warnings of waits for CUDA devices", kNeedsHeaders);
}
constexpr auto setSyncDebugMode = noSyncDebugMode, getSyncDebugMode = noSyncDebugMode, syncCountBegin = noSyncDebugMode, syncCountEnd = noSyncDebugMode;

#endif

}  // namespace

Exports cudaSyncExports() {
  return {{"setSyncDebugMode", guarded<setSyncDebugMode>},
          {"getSyncDebugMode", guarded<getSyncDebugMode>},
          {"syncCountBegin", guarded<syncCountBegin>},
          {"syncCountEnd", guarded<syncCountEnd>}};
}

}  // namespace suave
