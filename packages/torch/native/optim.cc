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

/**
 * `alike(tensors, count) → boolean`: whether lists of `count` tensors behind each other are all of one floating dtype and device, and
 * the i-th of every list has the sizes and strides of the first one's, dense and not empty. That is what libtorch's fused optimizers
 * ask for.
 */
napi_value alike(Call& call) {
  const auto tensors = call.tensors(0, "tensors");
  const double length = call.number(1, "count");
  if (!(length >= 1 && length <= static_cast<double>(tensors.size()))) throw ArgumentError("alike: expected lists of one length");
  const auto count = static_cast<size_t>(length);
  if (tensors.size() % count != 0) throw ArgumentError("alike: expected lists of one length");
  for (const at::Tensor& tensor : tensors)
    if (!tensor.defined()) throw ArgumentError("alike: expected Tensors, got none");
  const at::Tensor& first = tensors[0];
  if (!at::isFloatingType(first.scalar_type())) return call.fromBoolean(false);
  for (size_t i = 0; i < tensors.size(); ++i) {
    const at::Tensor& tensor = tensors[i];
    const at::Tensor& other = tensors[i % count];
    if (tensor.scalar_type() != first.scalar_type() || tensor.device() != first.device() || tensor.layout() != at::kStrided ||
        tensor.sizes() != other.sizes() || tensor.strides() != other.strides() || tensor.numel() == 0 || !tensor.is_non_overlapping_and_dense())
      return call.fromBoolean(false);
  }
  return call.fromBoolean(true);
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

Exports optimExports() { return {{"flagOnCpu", guarded<flagOnCpu>}, {"alike", guarded<alike>}, {"copyWhere", guarded<copyWhere>}}; }

}  // namespace suave
