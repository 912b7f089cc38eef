// The slot table: values live here, JavaScript holds a number that names slot and generation. Needs no libtorch, so that a test
// compiles it alone.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

namespace suave {

/** A number below 2^53: generation * 2^22 + slot. Zero is never a tensor and stands for "none". */
using Handle = uint64_t;

/** A number from JavaScript as a handle; what cannot be one (NaN, negative, 2^53 and more) becomes 0, which is never alive. */
inline Handle handleFrom(double value) { return value >= 1 && value < 9007199254740992.0 ? static_cast<Handle>(value) : 0; }

/** Thrown when a handle's generation is not the slot's: the tensor was disposed of. */
struct DisposedError : std::runtime_error {
  DisposedError() : std::runtime_error("the tensor was disposed of, or freed at the end of its scope") {}
};

/** Thrown when every slot is taken; what is alive lives on. */
struct TableFullError : std::runtime_error {
  TableFullError()
      : std::runtime_error("more than 4 million tensors are alive. Put what makes them into a scope, or dispose of them.") {}
};

/**
 * Values by handle. A slot is reused under the next generation; after the last one it retires, so that no handle ever comes
 * again: with 2^31 generations a slot serves an hour at a million uses a second, and there are 2^22 of them.
 */
template <typename Value, uint32_t kSlotBits = 22, uint32_t kLastGeneration = (1u << 31) - 1>
class SlotTable {
 public:
  static constexpr uint64_t kSlotMask = (1u << kSlotBits) - 1;

  SlotTable() { slots_.emplace_back(); }  // slot 0 is never given out

  Handle put(Value value) {
    uint32_t index;
    if (free_.empty()) {
      if (slots_.size() > kSlotMask) throw TableFullError();
      index = static_cast<uint32_t>(slots_.size());
      slots_.emplace_back();
    } else {
      index = free_.back();
      free_.pop_back();
    }
    Slot& slot = slots_[index];
    slot.value = std::move(value);
    slot.tag &= ~kFree;
    slot.kept = false;
    if (++live_ > peak_) peak_ = live_;
    return (static_cast<uint64_t>(slot.tag) << kSlotBits) | index;
  }

  bool alive(Handle handle) const {
    const uint64_t index = handle & kSlotMask;
    return index < slots_.size() && slots_[index].tag == handle >> kSlotBits;
  }

  const Value& get(Handle handle) const {
    if (!alive(handle)) throw DisposedError();
    return slots_[handle & kSlotMask].value;
  }

  /** Frees a slot; a stale handle is a no-op. */
  void release(Handle handle) {
    if (!alive(handle)) return;
    Slot& slot = slots_[handle & kSlotMask];
    [[maybe_unused]] const Value dropped = std::move(slot.value);  // destroyed last: what its destructor calls finds the table in order
    slot.value = Value();
    --live_;
    if (slot.tag == kLastGeneration) {
      slot.tag = kFree;
    } else {
      slot.tag = (slot.tag + 1) | kFree;
      free_.push_back(static_cast<uint32_t>(handle & kSlotMask));
    }
  }

  bool kept(Handle handle) const { return slots_[handle & kSlotMask].kept; }
  void setKept(Handle handle, bool kept) { slots_[handle & kSlotMask].kept = kept; }

  size_t live() const { return live_; }

  /** Most values that were alive at once since the last `resetPeak`. */
  size_t peak() const { return peak_; }
  void resetPeak() { peak_ = live_; }

  template <typename Visit>
  void forEach(Visit visit) const {
    for (const Slot& slot : slots_)
      if ((slot.tag & kFree) == 0) visit(slot.value);
  }

 private:
  static constexpr uint32_t kFree = 1u << 31;  // no handle has this bit, so one comparison tells live from free and from stale
  static_assert(kLastGeneration < kFree, "a handle must stay below 2^53");

  struct Slot {
    Value value{};
    uint32_t tag = kFree | 1;  // the generation that holds the slot, or with kFree the one that will
    bool kept = false;
  };
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
  size_t live_ = 0;
  size_t peak_ = 0;
};

}  // namespace suave
