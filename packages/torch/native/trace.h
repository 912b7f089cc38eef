// What `traceOperators` writes down: calls with their arguments, and how many of them read values on the host.
#pragma once

#include <unordered_map>

#include "convert.h"

namespace suave {

/** The calls of one environment since `traceBegin`. */
class Trace {
 public:
  /** `detailed` keeps each call with its arguments; otherwise they are only counted. */
  Trace(const Call& call, bool detailed);

  /** An operator is about to run with the arguments on the stack; gives its number. */
  int64_t beginOperator(const Call& call, const Plan& plan, const std::vector<c10::IValue>& stack);

  /** A function of the addon is about to run; `arguments` is an object of values, undefined where calls are only counted. */
  int64_t beginFunction(const Call& call, const std::string& name, napi_value arguments, bool readsHost);

  /** Call `number` gave these tensors: memory that nobody has seen yet counts as its own. */
  void made(int64_t number, const c10::IValue& value);
  void made(int64_t number, const at::Tensor& tensor);

  /** A tensor, list or value as JavaScript sees it; tensors by dtype, shape, device and memory. */
  napi_value describe(const Call& call, const c10::IValue& value, Enumeration enumeration = Enumeration::None);

  /** `[calls, number of calls, number of calls that read on the host]`; the trace is over then. */
  napi_value end(const Call& call);

  bool detailed() const { return list_ != nullptr; }

 private:
  struct Memory {
    c10::weak_intrusive_ptr<c10::StorageImpl> storage;  // so that its place is not given to another one while the trace lasts
    int64_t madeBy;                                     // number of a call, or kBefore
  };

  napi_value describeTensor(const Call& call, const at::Tensor& tensor);
  /** Number of the call that the memory comes from; `number` for memory that was never seen. */
  int64_t origin(const at::Tensor& tensor, int64_t number);
  int64_t append(const Call& call, const std::string& name, napi_value arguments, bool readsHost);

  napi_ref list_ = nullptr;
  int64_t calls_ = 0;
  int64_t hostReads_ = 0;
  std::unordered_map<c10::StorageImpl*, Memory> memory_;
};

}  // namespace suave
