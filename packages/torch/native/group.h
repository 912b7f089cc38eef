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
  const uint32_t id = state.nextId++;
  state.objects[id] = std::move(group);
  return id;
}

/** The group that an argument names. */
inline std::shared_ptr<ProcessGroup> groupOf(const Call& call, size_t index) {
  const auto found = call.state->objects.find(static_cast<uint32_t>(call.number(index, "process group")));
  if (found == call.state->objects.end())
    throw OperatorError("process group", "", "it was disposed of", "ERR_TORCH_DISTRIBUTED");
  return std::static_pointer_cast<ProcessGroup>(found->second);
}

}  // namespace suave
