// The same work without JavaScript, for finding by differences what a call of the typed face costs where.
#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>

namespace {

/** Makes and frees `n` tensors of four numbers. */
void makeEmpty(int64_t n) {
  for (int64_t i = 0; i < n; ++i) at::empty({4});
}

/** Adds `n` times as C++ does it: the call is resolved when compiling. */
void add(const at::Tensor& a, const at::Tensor& b, int64_t n) {
  for (int64_t i = 0; i < n; ++i) at::add(a, b);
}

/** Adds `n` times through the boxed dispatcher, with the arguments on a stack. */
void addBoxed(const at::Tensor& a, const at::Tensor& b, int64_t n) {
  const auto op = c10::Dispatcher::singleton().findSchemaOrThrow("aten::add", "Tensor");
  std::vector<c10::IValue> stack;
  for (int64_t i = 0; i < n; ++i) {
    stack.clear();
    stack.emplace_back(a);
    stack.emplace_back(b);
    stack.emplace_back(1);
    op.callBoxed(&stack);
  }
}

TORCH_LIBRARY(suave_bench, library) {
  library.def("empty(int n) -> ()", makeEmpty);
  library.def("add(Tensor a, Tensor b, int n) -> ()", add);
  library.def("add_boxed(Tensor a, Tensor b, int n) -> ()", addBoxed);
}

}  // namespace
