// The slot table: tensors live here by value; JavaScript holds a number that names slot and generation.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <stdexcept>
#include <vector>

namespace suave {

/** A number below 2^53: generation * 2^22 + slot. Zero is never a tensor and stands for "none". */
using Handle = uint64_t;

/** Thrown when a handle's generation is not the slot's: the tensor was disposed of. */
struct DisposedError : std::runtime_error {
  DisposedError() : std::runtime_error("the tensor was disposed of, or freed at the end of its scope") {}
};

class SlotTable {
 public:
  static constexpr uint32_t kSlotBits = 22;
  static constexpr uint64_t kSlotMask = (1u << kSlotBits) - 1;

  SlotTable() { slots_.emplace_back(); }  // slot 0 is never given out

  Handle put(at::Tensor tensor) {
    uint32_t index;
    if (free_.empty()) {
      if (slots_.size() > kSlotMask) throw std::runtime_error("more than 4 million tensors are alive: a scope is missing");
      index = static_cast<uint32_t>(slots_.size());
      slots_.emplace_back();
    } else {
      index = free_.back();
      free_.pop_back();
    }
    Slot& slot = slots_[index];
    slot.tensor = std::move(tensor);
    slot.used = true;
    slot.kept = false;
    ++live_;
    return (static_cast<uint64_t>(slot.generation) << kSlotBits) | index;
  }

  bool alive(Handle handle) const {
    const uint64_t index = handle & kSlotMask;
    return index < slots_.size() && slots_[index].used && slots_[index].generation == handle >> kSlotBits;
  }

  const at::Tensor& get(Handle handle) const {
    if (!alive(handle)) throw DisposedError();
    return slots_[handle & kSlotMask].tensor;
  }

  /** Frees a slot; a stale handle is a no-op. */
  void release(Handle handle) {
    if (!alive(handle)) return;
    Slot& slot = slots_[handle & kSlotMask];
    slot.tensor.reset();
    slot.used = false;
    ++slot.generation;
    free_.push_back(static_cast<uint32_t>(handle & kSlotMask));
    --live_;
  }

  bool kept(Handle handle) const { return slots_[handle & kSlotMask].kept; }
  void setKept(Handle handle, bool kept) { slots_[handle & kSlotMask].kept = kept; }

  size_t live() const { return live_; }

  template <typename Visit>
  void forEach(Visit visit) const {
    for (const Slot& slot : slots_)
      if (slot.used) visit(slot.tensor);
  }

 private:
  struct Slot {
    at::Tensor tensor;
    uint32_t generation = 1;
    bool used = false;
    bool kept = false;
  };
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
  size_t live_ = 0;
};

}  // namespace suave
