// Accelerators: streams, events, memory statistics, graphs, switches of the math libraries.
#include "environment.h"

namespace suave {

Exports deviceExports() { return {}; }

}  // namespace suave
