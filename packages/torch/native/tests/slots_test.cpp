// The slot table alone, compiled by slots.test.ts: generations, retirement, exhaustion, destructors that come back; and its speed.
#include "../slots.h"

#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <unordered_set>

using namespace suave;

namespace {

int failures = 0;

void expect(bool holds, const char* what) {
  if (holds) return;
  std::printf("FAILED: %s\n", what);
  ++failures;
}

template <typename Error, typename Body>
bool throws(Body body) {
  try {
    body();
  } catch (const Error&) {
    return true;
  }
  return false;
}

using Value = std::shared_ptr<int>;

void retiresAfterTheLastGeneration() {
  SlotTable<Value, 4, 5> table;  // 15 slots of 5 generations
  std::unordered_set<Handle> given;
  for (int i = 0; i < 15 * 5; ++i) {
    const Handle handle = table.put(std::make_shared<int>(i));
    expect(given.insert(handle).second, "no handle is given twice");
    for (const Handle old : given) expect(table.alive(old) == (old == handle), "only the newest is alive");
    table.release(handle);
    table.release(handle);
  }
  expect(table.live() == 0, "all are gone");
  expect(throws<TableFullError>([&] { table.put(nullptr); }), "slots that retired are not used again");
  for (const Handle old : given) expect(throws<DisposedError>([&] { table.get(old); }), "a stale handle is never good again");
}

void staysBelow2To53() {
  SlotTable<int> table;
  const Handle first = table.put(1);
  table.release(first);
  expect(table.put(2) == first + (1u << 22), "the next generation");
  const double last = (static_cast<double>((1u << 31) - 1)) * (1 << 22) + ((1 << 22) - 1);
  expect(last == 9007199254740991.0 && handleFrom(last) == 9007199254740991ull, "the largest handle is 2^53 - 1");
}

void retiresARealSlot() {  // 2^31 reuses of one slot take too long through put; a table that starts near the end does not
  SlotTable<int, 22, 1000000> table;
  Handle handle = 0;
  for (int i = 0; i < 1000000; ++i) {
    handle = table.put(i);
    table.release(handle);
  }
  expect(handle >> 22 == 1000000, "the last generation is used");
  expect((table.put(7) & table.kSlotMask) == 2, "then comes another slot");
  expect(!table.alive(handle), "the last handle is dead");
}

void refusesForgedNumbers() {
  SlotTable<int> table;
  const Handle live = table.put(5);
  table.release(table.put(6));
  for (const double value : {0.0, -0.0, -1.0, 0.5, 1.0, 2.0, 5.0, 4194304.0, 9007199254740992.0, 1.8446744073709552e19, 1e300, -1e300,
                             __builtin_nan(""), __builtin_inf(), -__builtin_inf()})
    expect(!table.alive(handleFrom(value)), "a forged number is no handle");
  for (uint64_t bits = 0; bits < 64; ++bits)
    expect((live ^ (1ull << bits)) == live || !table.alive(live ^ (1ull << bits)), "one wrong bit is no handle");
  expect(table.get(live) == 5, "the true one is");
}

void fullTableLivesOn() {
  SlotTable<int> table;
  std::vector<Handle> handles;
  for (uint32_t i = 0; i < (1u << 22) - 1; ++i) handles.push_back(table.put(static_cast<int>(i)));
  expect(throws<TableFullError>([&] { table.put(0); }), "the table is full");
  bool right = true;
  for (size_t i = 0; i < handles.size(); ++i) right = right && table.get(handles[i]) == static_cast<int>(i);
  expect(right, "everything lives on");
  table.release(handles[17]);
  expect(table.get(table.put(3)) == 3, "a freed slot is used again");
}

/** A destructor that releases another value, as freeing memory of JavaScript might. */
struct Chain {
  std::function<void()> body;
  Chain() = default;
  explicit Chain(std::function<void()> f) : body(std::move(f)) {}
  Chain(Chain&& other) noexcept : body(std::move(other.body)) { other.body = nullptr; }
  Chain& operator=(Chain&& other) noexcept {
    body = std::move(other.body);
    other.body = nullptr;
    return *this;
  }
  ~Chain() {
    if (body) body();
  }
};

void destructorsMayComeBack() {
  SlotTable<Chain> table;
  const Handle other = table.put(Chain());
  const Handle handle = table.put(Chain([&] {
    table.release(other);
    for (int i = 0; i < 100; ++i) table.put(Chain());  // the table grows
  }));
  table.release(handle);
  expect(table.live() == 100 && !table.alive(handle) && !table.alive(other), "the table is in order");
}

void peaks() {
  SlotTable<int> table;
  const Handle a = table.put(1);
  table.release(table.put(2));
  expect(table.peak() == 2 && table.live() == 1, "the peak stays");
  table.resetPeak();
  expect(table.peak() == 1, "until it is reset");
  table.release(a);
}

/** Nanoseconds for each put and release, 64 values in flight. */
double speed() {
  SlotTable<Value> table;
  const Value value = std::make_shared<int>(1);
  Handle handles[64];
  const int rounds = 100000;
  const auto start = std::chrono::steady_clock::now();
  for (int round = 0; round < rounds; ++round) {
    for (Handle& handle : handles) handle = table.put(value);
    for (const Handle handle : handles) table.release(handle);
  }
  const std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - start;
  return time.count() / (rounds * 64.0);
}

}  // namespace

int main() {
  retiresAfterTheLastGeneration();
  staysBelow2To53();
  retiresARealSlot();
  refusesForgedNumbers();
  fullTableLivesOn();
  destructorsMayComeBack();
  peaks();
  std::printf("%.2f ns for a put and a release\n", speed());
  if (failures == 0) std::printf("all good\n");
  return failures == 0 ? 0 : 1;
}
