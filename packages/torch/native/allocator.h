// The allocator of the C library, which serves libtorch's tensors on the CPU.
#pragma once

#include "environment.h"

namespace suave {

/** Has freed memory kept for the next tensor, once in a process; the environment variable SUAVE_TORCH_MALLOC=default forbids it. */
void tuneAllocator();

Exports allocatorExports();

}  // namespace suave
