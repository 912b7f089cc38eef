#include "allocator.h"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <cstdlib>
#include <cstring>
#include <mutex>

namespace suave {
namespace {

/** `releaseFreeMemory() → whether any was given back`: unused pages go back to the system. */
napi_value releaseFreeMemory(Call& call) {
#if defined(__GLIBC__)
  return call.fromBoolean(malloc_trim(0) != 0);
#else
  return call.fromBoolean(false);
#endif
}

}  // namespace

/**
 * Large tensors come and go every step: keep their pages instead of giving them back and faulting them in again. 32 MiB is the
 * largest threshold that glibc takes; larger requests come from the heap too, since mapping is off.
 */
void tuneAllocator() {
#if defined(__GLIBC__)
  static std::once_flag once;
  std::call_once(once, [] {
    const char* choice = std::getenv("SUAVE_TORCH_MALLOC");
    if (choice != nullptr && std::strcmp(choice, "default") == 0) return;
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_TOP_PAD, 16 << 20);
  });
#endif
}

Exports allocatorExports() { return {{"releaseFreeMemory", guarded<releaseFreeMemory>}}; }

}  // namespace suave
