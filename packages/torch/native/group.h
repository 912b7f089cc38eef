// A group of processes as native code uses it: an object of the environment, named by the id that JavaScript holds.
#pragma once

#include "environment.h"

namespace suave {

class ProcessGroup {
 public:
  virtual ~ProcessGroup() = default;
  virtual int rank() const = 0;
  virtual int worldSize() const = 0;
  /** Replaces a dense tensor, on any device that the group reaches, by the sum over all ranks; `name` is for errors. Blocks. */
  virtual void allReduceSum(at::Tensor& dense, const char* name) = 0;
};

/** Makes a group known to JavaScript; groups are stored as this class, so that every kind of them can be found again. */
inline uint32_t storeGroup(Environment& state, std::shared_ptr<ProcessGroup> group) {
  return state.objects.add<ProcessGroup>(std::move(group));
}

/** The group that an argument names. */
inline std::shared_ptr<ProcessGroup> groupOf(const Call& call, size_t index) {
  auto group = call.state->objects.find<ProcessGroup>(call.number(index, "process group"));
  if (group == nullptr) throw OperatorError("process group", "", "it was disposed of", "ERR_TORCH_DISTRIBUTED");
  return group;
}

}  // namespace suave
