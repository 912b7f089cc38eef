// What optimizers need under a gradient scaler: steps that a flag in the device's memory can undo.
#include "environment.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

namespace suave {
namespace {

/** `flagOnCpu(flag) → boolean`: whether a flag of one float32 in the CPU's memory is not 0. Memory of an accelerator is refused, so this never waits. */
napi_value flagOnCpu(Call& call) {
  const at::Tensor& flag = call.tensor(0);
  if (!flag.device().is_cpu()) throw ArgumentError("flagOnCpu: expected a flag on the cpu, got one on " + flag.device().str());
  if (flag.scalar_type() != at::kFloat || flag.numel() != 1) throw ArgumentError("flagOnCpu: expected one float32");
  return call.fromBoolean(*flag.data_ptr<float>() != 0);
}

/** `copyWhere(flag, targets, sources)`: targets take the sources' bits where the flag is not 0, all on the device. */
napi_value copyWhere(Call& call) {
  c10::NoGradGuard noGrad;
  const at::Tensor condition = call.tensor(0).ne(0);
  auto targets = call.tensors(1, "targets");
  const auto sources = call.tensors(2, "sources");
  if (targets.size() != sources.size()) throw ArgumentError("copyWhere: expected lists of one length");
  for (size_t i = 0; i < targets.size(); ++i) at::where_out(targets[i], condition, sources[i], targets[i]);
  return nullptr;
}

}  // namespace

Exports optimExports() { return {{"flagOnCpu", guarded<flagOnCpu>}, {"copyWhere", guarded<copyWhere>}}; }

}  // namespace suave
