// Memory that JavaScript, tensors and threads share without a copy.
#include "environment.h"

namespace suave {

Exports sharingExports() { return {}; }

}  // namespace suave
