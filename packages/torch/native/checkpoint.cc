// Checkpointing: a part of the graph that is recomputed in the backward pass instead of being held in memory.
//
// The body runs once as usual, and its graph is read: where it ends (edges into tensors made outside: inputs, parameters) becomes
// the edges of one node that replaces it. The engine calls that node; the body runs again, and the engine goes through its graph.
#include "autograd.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/SequenceNumber.h>
#include <ATen/autocast_mode.h>
#include <c10/core/GradMode.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/csrc/autograd/engine.h>
#include <torch/csrc/autograd/functions/accumulate_grad.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

#include <atomic>
#include <map>
#include <set>

namespace suave {

using torch::autograd::Edge;
using torch::autograd::edge_list;
using torch::autograd::Node;
using torch::autograd::SavedVariable;
using torch::autograd::variable_list;

namespace {

/** Where the random numbers of every default generator in use stand. */
class RandomState {
 public:
  static RandomState current() {
    RandomState state;
    state.add(at::detail::getDefaultCPUGenerator());
    if (at::hasCUDA()) {
      for (int64_t i = 0; i < static_cast<int64_t>(at::getNumGPUs()); ++i)
        if (at::detail::getCUDAHooks().hasPrimaryContext(static_cast<c10::DeviceIndex>(i)))
          state.add(at::globalContext().defaultGenerator(c10::Device(c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(i))));
    }
    return state;
  }

  void apply() {
    for (auto& entry : entries_) {
      std::lock_guard<std::mutex> lock(entry.first.mutex());
      entry.first.set_state(entry.second);
    }
  }

 private:
  void add(at::Generator generator) {
    std::lock_guard<std::mutex> lock(generator.mutex());
    entries_.emplace_back(generator, generator.get_state());
  }
  std::vector<std::pair<at::Generator, at::Tensor>> entries_;
};

}  // namespace

/** What the body's second run needs to be as the first. */
struct CheckpointRecord {
  std::vector<SavedVariable> inputs;
  AutocastState casting;
  c10::optional<RandomState> random;
  uint64_t start = 0;  // nodes of the body have this sequence number or a later one
};

namespace {

template <typename T, typename Pointer, typename... Arguments>
Pointer makeNodeAs(Arguments&&... arguments) {
  if constexpr (std::is_same_v<Pointer, std::shared_ptr<Node>>) {
    // Found by its argument: newer versions do not have this function.
    return Pointer(new T(std::forward<Arguments>(arguments)...), [](auto* node) { deleteNode(node); });
  } else {
    return c10::make_intrusive<T>(std::forward<Arguments>(arguments)...);
  }
}

template <typename T, typename... Arguments>
NodePtr makeNode(Arguments&&... arguments) {
  return makeNodeAs<T, NodePtr>(std::forward<Arguments>(arguments)...);
}

/** A JavaScript exception that waits in `AutogradEnvironment::scriptError`. */
struct ScriptError : std::runtime_error {
  ScriptError() : std::runtime_error("the body of a checkpoint threw an exception") {}
};

/** Nodes of the body: made on this thread since it began. Leaves belong to nobody. */
bool isInside(const Node& node, uint64_t start) {
  return node.sequence_nr() != UINT64_MAX && node.sequence_nr() >= start && node.thread_id() == at::RecordFunction::currentThreadId() &&
         dynamic_cast<const torch::autograd::AccumulateGrad*>(&node) == nullptr;
}

using EdgeKey = std::pair<const Node*, uint32_t>;
EdgeKey keyOf(const Edge& edge) { return {edge.function.get(), edge.input_nr}; }

/** The body's graph: its nodes, and the edges that leave it in the order in which they are met. */
struct BodyGraph {
  edge_list roots;  // keep the nodes alive
  std::vector<Node*> nodes;
  edge_list boundary;

  BodyGraph(const std::vector<at::Tensor>& outputs, uint64_t start) {
    std::set<const Node*> seen;
    std::set<EdgeKey> left;
    const auto visit = [&](const Edge& edge) {
      if (!edge.is_valid()) return;
      if (isInside(*edge.function, start)) {
        if (seen.insert(edge.function.get()).second) nodes.push_back(edge.function.get());
      } else if (left.insert(keyOf(edge)).second) {
        boundary.push_back(edge);
      }
    };
    for (const at::Tensor& output : outputs)
      if (output.defined() && output.requires_grad()) roots.push_back(torch::autograd::impl::gradient_edge(output));
    for (const Edge& edge : roots) visit(edge);
    for (size_t i = 0; i < nodes.size(); ++i)
      for (const Edge& edge : nodes[i]->next_edges()) visit(edge);
  }
};

/** Stands for a node outside while the engine goes through a body's graph, so that it goes no further. */
struct Sink : Node {
  explicit Sink(const torch::autograd::InputMetadata& metadata) { input_metadata_.push_back(metadata); }
  variable_list apply(variable_list&&) override { throw std::logic_error("checkpoint: a sink was run"); }
};

Edge sinkFor(const Edge& edge) { return Edge(makeNode<Sink>(edge.function->input_metadata(edge.input_nr)), 0); }

/** Puts sinks where the graph goes on into other nodes, and takes them away again. */
class Cut {
 public:
  explicit Cut(const BodyGraph& graph) : roots_(graph.roots) {
    for (const Edge& edge : graph.boundary)
      sinks_[keyOf(edge)] = dynamic_cast<torch::autograd::AccumulateGrad*>(edge.function.get()) != nullptr ? edge : sinkFor(edge);
    for (Node* node : graph.nodes)
      for (Edge& edge : node->next_edges()) {
        const auto found = sinks_.find(keyOf(edge));
        if (!edge.is_valid() || found == sinks_.end() || found->second == edge) continue;
        replaced_.emplace_back(&edge, edge);
        edge = found->second;
      }
  }
  ~Cut() {
    for (auto& entry : replaced_) *entry.first = std::move(entry.second);
  }
  Cut(const Cut&) = delete;

  /** The edge that stands for `edge` meanwhile; it itself where it leads to no other. */
  Edge operator()(const Edge& edge) const {
    const auto found = sinks_.find(keyOf(edge));
    return found == sinks_.end() ? edge : found->second;
  }

 private:
  const edge_list roots_;  // keep the nodes alive whose edges are replaced
  std::map<EdgeKey, Edge> sinks_;
  std::vector<std::pair<Edge*, Edge>> replaced_;
};

std::atomic<int> deviceCheckpoints{0};

/** Runs when it goes out of scope. */
template <typename F>
struct Finally {
  F body;
  ~Finally() { body(); }
};
template <typename F>
Finally(F) -> Finally<F>;

struct CheckpointBackward : Node {
  CheckpointBackward(AutogradEnvironment& own, std::shared_ptr<CheckpointRecord> record, napi_ref callback, bool onDevice)
      : record_(std::move(record)), own_(&own), script_(own.script), callback_(callback), onDevice_(onDevice) {
    if (onDevice_) ++deviceCheckpoints;
  }
  ~CheckpointBackward() override {
    let_go();
    if (onDevice_) --deviceCheckpoints;
  }

  std::string name() const override { return "CheckpointBackward"; }

  std::vector<size_t> differentiable;  // position among the body's outputs of each input of this node
  size_t outputCount = 0;

  void release_variables() override { let_go(); }

  variable_list apply(variable_list&& gradients) override {
    const bool createGraph = c10::GradMode::is_enabled();
    std::vector<at::Tensor> inputs;
    std::shared_ptr<CheckpointRecord> record;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (!record_)
        throw std::runtime_error(
            "Trying to backward through a checkpoint a second time: what it needs is freed by the first. Specify retain_graph=True there.");
      record = record_;
      for (const SavedVariable& input : record->inputs) inputs.push_back(input.unpack());
    }
    variable_list results(next_edges().size());
    std::vector<bool> needed(next_edges().size());
    for (size_t i = 0; i < needed.size(); ++i) needed[i] = task_should_compute_output(i);  // known on this thread only
    edge_list roots, wanted;
    variable_list seeds;
    std::vector<size_t> places;
    std::unique_ptr<Cut> cut;
    std::vector<at::Tensor> outputs;
    const std::function<void()> task = [&] {
      uint64_t start = 0;
      outputs = runBody(*record, std::move(inputs), start);
      BodyGraph graph(outputs, start);
      checkSame(outputs, graph);
      cut = std::make_unique<Cut>(graph);
      std::set<EdgeKey> found;
      for (const Edge& edge : graph.boundary) found.insert(keyOf(edge));
      for (size_t k = 0; k < differentiable.size(); ++k) {
        const at::Tensor& output = outputs[differentiable[k]];
        if (!gradients[k].defined() || !output.requires_grad()) continue;
        roots.push_back((*cut)(torch::autograd::impl::gradient_edge(output)));
        seeds.push_back(gradients[k]);
      }
      for (size_t i = 0; i < next_edges().size(); ++i) {
        if (found.count(keyOf(next_edge(i))) == 0 || !needed[i]) continue;
        wanted.push_back((*cut)(next_edge(i)));
        places.push_back(i);
      }
    };
    script_->run(task);
    outputs.clear();
    if (roots.empty() || wanted.empty()) return results;
    variable_list computed = torch::autograd::Engine::get_default_engine().execute(roots, seeds, createGraph, createGraph, false, wanted);
    for (size_t i = 0; i < places.size(); ++i) results[places[i]] = std::move(computed[i]);
    return results;
  }

 private:
  void let_go() {
    std::lock_guard<std::mutex> lock(mutex_);
    record_.reset();
    if (callback_ != nullptr) script_->drop(callback_);
    callback_ = nullptr;
  }

  /** On the thread of JavaScript: the body once more, as it was called. */
  std::vector<at::Tensor> runBody(CheckpointRecord& record, std::vector<at::Tensor> inputs, uint64_t& start) {
    const napi_env env = script_->env;
    const c10::AutoGradMode recording(true);
    const AutocastState casting = AutocastState::current();
    const Finally castingBack{[&] {
      at::autocast::clear_cache();
      casting.apply();
    }};
    AutocastState asBefore = record.casting;
    asBefore.cacheEnabled = false;
    asBefore.apply();
    at::autocast::clear_cache();
    c10::optional<RandomState> random;
    if (record.random.has_value()) random = RandomState::current();
    const Finally randomBack{[&] {
      if (random.has_value()) random->apply();
    }};
    if (record.random.has_value()) record.random->apply();

    napi_handle_scope scope;
    if (napi_open_handle_scope(env, &scope) != napi_ok) throw std::runtime_error("checkpoint: JavaScript has ended");
    const Finally closeScope{[&] { napi_close_handle_scope(env, scope); }};
    own_->recomputing.push_back({std::move(inputs), {}});
    const Finally leave{[&] { own_->recomputing.pop_back(); }};
    start = at::sequence_number::peek();
    napi_value callback, receiver, result;
    const bool ok = napi_get_reference_value(env, callback_, &callback) == napi_ok && napi_get_undefined(env, &receiver) == napi_ok &&
                    napi_call_function(env, receiver, callback, 0, nullptr, &result) == napi_ok;
    if (!ok) {
      keepError(env);
      throw ScriptError();
    }
    return std::move(own_->recomputing.back().outputs);
  }

  void keepError(napi_env env) {
    napi_value error, box;
    if (napi_get_and_clear_last_exception(env, &error) != napi_ok || own_->scriptError != nullptr) return;
    if (napi_create_array_with_length(env, 1, &box) == napi_ok && napi_set_element(env, box, 0, error) == napi_ok)
      napi_create_reference(env, box, 1, &own_->scriptError);
  }

  void checkSame(const std::vector<at::Tensor>& outputs, const BodyGraph& graph) {
    if (outputs.size() != outputCount)
      throw std::runtime_error("checkpoint: the body gave " + std::to_string(outputCount) + " tensors at first and " + std::to_string(outputs.size()) +
                               " at its recomputation. It must do the same each time.");
    for (size_t k = 0; k < differentiable.size(); ++k) {
      const at::Tensor& output = outputs[differentiable[k]];
      const auto& metadata = input_metadata(k);
      if (!metadata.is_same_shape(output) || metadata.dtype() != output.dtype())
        throw std::runtime_error("checkpoint: output " + std::to_string(differentiable[k]) + " of the body is " + dtypeName(output.scalar_type()) + " " +
                                 c10::str(output.sizes()) + " at its recomputation, and was another at first. It must do the same each time.");
    }
    std::set<EdgeKey> known;
    for (const Edge& edge : next_edges()) known.insert(keyOf(edge));
    for (const Edge& edge : graph.boundary)
      if (known.count(keyOf(edge)) == 0)
        throw std::runtime_error(
            "checkpoint: at its recomputation the body uses a tensor that requires grad which it did not use at first. "
            "Make such tensors outside of the body, and let it use the same ones each time; compute gradients of gradients "
            "(by createGraph on another device) outside too.");
  }

  std::shared_ptr<CheckpointRecord> record_;
  AutogradEnvironment* const own_;  // touched on the script's thread only, which ends with it
  const std::shared_ptr<ScriptThread> script_;
  napi_ref callback_;
  const bool onDevice_;
};

/** The innermost checkpoint whose body has run; its region of casting ends. */
std::shared_ptr<CheckpointRecord> endRecording(AutogradEnvironment& own) {
  if (own.recording.empty()) throw ArgumentError("checkpoint: none has begun");
  auto record = std::move(own.recording.back());
  own.recording.pop_back();
  at::autocast::clear_cache();
  at::autocast::set_autocast_cache_enabled(record->casting.cacheEnabled);
  return record;
}

/** `checkpointBegin(inputs, preserveRngState)`, before the body runs. */
napi_value checkpointBegin(Call& call) {
  AutogradEnvironment& own = autogradOf(call);
  own.script->sweep();
  auto record = std::make_shared<CheckpointRecord>();
  for (const at::Tensor& input : call.tensors(0, "inputs")) record->inputs.emplace_back(input, false);
  record->casting = AutocastState::current();
  if (call.boolean(1, true)) record->random = RandomState::current();
  // A cast that is remembered from outside would be outside of the body's graph at first and inside at its recomputation.
  at::autocast::clear_cache();
  at::autocast::set_autocast_cache_enabled(false);
  record->start = at::sequence_number::peek();
  own.recording.push_back(std::move(record));
  return nullptr;
}

/** `checkpointEnd(outputs, recompute) → handles`: the outputs, attached to one node. */
napi_value checkpointEnd(Call& call) {
  AutogradEnvironment& own = autogradOf(call);
  auto record = endRecording(own);
  auto outputs = call.tensors(0, "outputs");
  BodyGraph graph(outputs, record->start);
  if (graph.boundary.empty()) return call.fromHandles(outputs);
  bool onDevice = false;
  for (const at::Tensor& output : outputs) onDevice = onDevice || (output.defined() && !output.device().is_cpu());
  napi_ref callback;
  call.check(napi_create_reference(call.env, call.argv[1], 1, &callback));
  NodePtr node = makeNode<CheckpointBackward>(own, std::move(record), callback, onDevice);
  auto& checkpoint = static_cast<CheckpointBackward&>(*node);
  checkpoint.outputCount = outputs.size();
  node->set_next_edges(std::move(graph.boundary));
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!outputs[i].defined() || !outputs[i].requires_grad()) continue;
    at::Tensor attached = outputs[i].detach();
    torch::autograd::set_history(attached, node);
    checkpoint.differentiable.push_back(i);
    outputs[i] = attached;
  }
  return call.fromHandles(outputs);
}

/** `checkpointAbort()`: the body threw. */
napi_value checkpointAbort(Call& call) {
  endRecording(autogradOf(call));
  return nullptr;
}

/** `checkpointInputs() → handles`: what the body is called with at its recomputation. */
napi_value checkpointInputs(Call& call) {
  auto& recomputing = autogradOf(call).recomputing;
  if (recomputing.empty()) throw ArgumentError("checkpoint: nothing is being recomputed");
  return call.fromHandles(recomputing.back().inputs);
}

/** `checkpointDeliver(outputs)`: what the body gave at its recomputation. */
napi_value checkpointDeliver(Call& call) {
  auto& recomputing = autogradOf(call).recomputing;
  if (recomputing.empty()) throw ArgumentError("checkpoint: nothing is being recomputed");
  recomputing.back().inputs.clear();
  recomputing.back().outputs = call.tensors(0, "outputs");
  return nullptr;
}

/** `checkpointAlwaysServe(on)`, for tests: backward passes run as those with checkpoints on devices do. */
napi_value checkpointAlwaysServe(Call& call) {
  autogradOf(call).alwaysServe = call.boolean(0, true);
  return nullptr;
}

}  // namespace

bool checkpointsOnDevices() { return deviceCheckpoints > 0; }

Exports checkpointExports() {
  return {{"checkpointBegin", guarded<checkpointBegin>},   {"checkpointEnd", guarded<checkpointEnd>},
          {"checkpointAbort", guarded<checkpointAbort>},   {"checkpointInputs", guarded<checkpointInputs>},
          {"checkpointDeliver", guarded<checkpointDeliver>}, {"checkpointAlwaysServe", guarded<checkpointAlwaysServe>}};
}

}  // namespace suave
