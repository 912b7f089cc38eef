// Anomaly mode: each node of the graph remembers the JavaScript stack of the call that made it.
#include "autograd.h"

#include <dlfcn.h>
#include <torch/csrc/autograd/anomaly_mode.h>
#include <torch/csrc/autograd/engine.h>

namespace suave {
namespace {

using torch::autograd::AnomalyMode;
using torch::autograd::Engine;

/** The environment whose thread this is, while a region is open on it. */
thread_local AutogradEnvironment* scripting = nullptr;

std::string scriptStack(const AutogradEnvironment& own) {
  const napi_env env = own.script->env;
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return "";
  std::string text;
  napi_value function, receiver, stack;
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (!pending && napi_get_reference_value(env, own.stackFunction, &function) == napi_ok && napi_get_undefined(env, &receiver) == napi_ok) {
    if (napi_call_function(env, receiver, function, 0, nullptr, &stack) == napi_ok) {
      text = readString(env, stack, "stack");
    } else {
      napi_get_and_clear_last_exception(env, &stack);
    }
  }
  napi_close_handle_scope(env, scope);
  return text;
}

struct StackMetadata : torch::autograd::AnomalyMetadata {
  void store_stack() override {
    if (scripting == nullptr) return;
    box_ = scripting->anomaly;
    stack_ = scriptStack(*scripting);
  }

  void print_stack(const std::string& name) override {
    std::shared_ptr<AnomalyBox> box = box_;
    std::string text = describe(name, stack_);
    for (NodePtr parent = parent_; parent != nullptr;) {
      const auto* metadata = dynamic_cast<StackMetadata*>(parent->metadata());
      if (metadata == nullptr) break;
      if (!box) box = metadata->box_;
      text += "\n" + describe(parent->name(), metadata->stack_) + "\nwhose own backward made the node above";
      parent = metadata->parent_;
    }
    if (!box && scripting != nullptr) box = scripting->anomaly;  // the forward pass was outside of every region
    if (!box) return;
    std::lock_guard<std::mutex> lock(box->mutex);
    if (!box->nodeName.empty()) return;  // the innermost failure came first
    box->nodeName = name;
    box->text = text;
  }

  void assign_parent(const NodePtr& parent) override { parent_ = parent; }

 private:
  static std::string describe(const std::string& name, const std::string& stack) {
    return stack.empty() ? name + " was made outside detectAnomaly, or by a thread of the engine: no call is known."
                         : name + " belongs to the call made here:\n" + stack;
  }
  std::shared_ptr<AnomalyBox> box_;
  std::string stack_;
  NodePtr parent_;
};

/** The engine of libtorch, but for what it lets nodes remember. */
struct RememberingEngine : Engine {
  ~RememberingEngine() override { stop(); }

  torch::autograd::variable_list execute(const torch::autograd::edge_list& roots, const torch::autograd::variable_list& inputs, bool keepGraph,
                                         bool createGraph, bool accumulateGrad, const torch::autograd::edge_list& outputs) override {
    return Engine::get_base_engine().execute(roots, inputs, keepGraph, createGraph, accumulateGrad, outputs);
  }

  c10::intrusive_ptr<at::ivalue::Future> execute_with_graph_task(const std::shared_ptr<torch::autograd::GraphTask>& task, NodePtr root,
                                                                 torch::autograd::InputBuffer&& buffer) override {
    return Engine::get_base_engine().execute_with_graph_task(task, std::move(root), std::move(buffer));
  }

  std::unique_ptr<torch::autograd::AnomalyMetadata> make_anomaly_metadata() override { return std::make_unique<StackMetadata>(); }
};

Engine& rememberingEngine() {
  static auto* engine = new RememberingEngine();  // lives as long as the process: nodes ask for it at any time
  return *engine;
}

/** The default engine is the process's: this library must stay loaded once it has given one. */
void installEngine() {
  static std::once_flag once;
  std::call_once(once, [] {
    Dl_info info;
    if (dladdr(reinterpret_cast<const void*>(&rememberingEngine), &info) != 0) dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
    torch::autograd::set_default_engine_stub(&rememberingEngine);
  });
}

std::mutex regionMutex;
int regions = 0;  // open ones in the process: libtorch's switch is the process's
int checking = 0;

/** Opens or closes regions of this thread. */
void change(AutogradEnvironment& own, int by, int checkingBy) {
  own.anomalyRegions += by;
  own.checkingRegions += checkingBy;
  if (own.anomalyRegions == 0) scripting = nullptr;
  std::lock_guard<std::mutex> lock(regionMutex);
  regions += by;
  checking += checkingBy;
  AnomalyMode::set_enabled(regions > 0, checking > 0);
}

/** `anomalyBegin(stackFunction, checkNan)`. */
napi_value anomalyBegin(Call& call) {
  AutogradEnvironment& own = autogradOf(call);
  const bool check = call.boolean(1, true);
  if (own.stackFunction == nullptr) call.check(napi_create_reference(call.env, call.argv[0], 1, &own.stackFunction));
  installEngine();
  scripting = &own;
  change(own, 1, check ? 1 : 0);
  return nullptr;
}

/** `anomalyEnd(checkNan)`, with what the region began with. */
napi_value anomalyEnd(Call& call) {
  AutogradEnvironment& own = autogradOf(call);
  const bool check = call.boolean(0, true);
  if (own.anomalyRegions == 0 || (check && own.checkingRegions == 0)) throw ArgumentError("detectAnomaly: no region is open");
  change(own, -1, check ? -1 : 0);
  return nullptr;
}

napi_value anomalyEnabled(Call& call) { return call.fromBoolean(autogradOf(call).anomalyRegions > 0); }

}  // namespace

void endAnomalyRegions(AutogradEnvironment& own) {
  if (own.anomalyRegions > 0) change(own, -own.anomalyRegions, -own.checkingRegions);
}

Exports anomalyExports() {
  return {{"anomalyBegin", guarded<anomalyBegin>}, {"anomalyEnd", guarded<anomalyEnd>}, {"anomalyEnabled", guarded<anomalyEnabled>}};
}

}  // namespace suave
