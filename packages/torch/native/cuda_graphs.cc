// CUDA graphs: capturing what a stream is given, and replaying it.
#include "devices.h"

#if SUAVE_HAS_CUDA
#include <ATen/cuda/CUDAGeneratorImpl.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#if __has_include(<ATen/core/CachingHostAllocator.h>)
#include <ATen/core/CachingHostAllocator.h>
#endif
#define SUAVE_HAS_GRAPHS 1
#elif __has_include(<ATen/accelerator/Graph.h>)
#include <ATen/accelerator/Graph.h>
#define SUAVE_HAS_GRAPHS 1
#else
#define SUAVE_HAS_GRAPHS 0
#endif

namespace suave {

bool hasGraphs() { return SUAVE_HAS_GRAPHS == 1; }

namespace {

#if SUAVE_HAS_GRAPHS

#if SUAVE_HAS_CUDA
using PoolId = std::pair<unsigned long long, unsigned long long>;

// From 2.2 to 2.13 a capture that fails leaves its memory pool taken, the allocators in their state of capturing, and random
// generators that refuse to work outside a capture. What each version has of this is put right; it has no public name.

template <typename State>
auto endCapturing(State& state, int) -> decltype(void(state.capturing_ = false)) {
  state.capturing_ = false;
}
template <typename State>
void endCapturing(State&, long) {}

template <typename Allocator>
auto freeHostPool(Allocator* allocator, PoolId pool, int) -> decltype(void(allocator->release_pool(pool))) {
  allocator->end_allocate_to_pool(pool);
  allocator->release_pool(pool);
}
template <typename Allocator>
void freeHostPool(Allocator*, PoolId, long) {}

/** libtorch's graph, which can be let go of after a capture that failed. */
class Graph : public at::cuda::CUDAGraph {
 public:
  /** Never throws: what is not left behind is refused by the allocators, and that is well. */
  void abandon() noexcept {
#if SUAVE_TORCH_AT_LEAST(2, 4) && !SUAVE_TORCH_AT_LEAST(2, 14)
    for (const auto& entry : captured_generator_states_) endCapturing(*entry.first, 0);
#endif
#if SUAVE_TORCH_AT_LEAST(2, 2) && !SUAVE_TORCH_AT_LEAST(2, 14)
    if (capture_dev_ < 0) return;
    try {
      c10::cuda::CUDACachingAllocator::endAllocateToPool(capture_dev_, mempool_id_);
    } catch (const std::exception&) {
      return;  // The capture came to its end; `reset` does the rest.
    }
    try {
      c10::cuda::CUDACachingAllocator::releasePool(capture_dev_, mempool_id_);
#if SUAVE_TORCH_AT_LEAST(2, 9)
      freeHostPool(at::getHostAllocator(at::kCUDA), mempool_id_, 0);
#endif
    } catch (const std::exception&) {
    }
#endif
  }
};

// Since 2.1 capture_begin takes the mode. 0 is CUDA's global mode, 1 thread-local, 2 relaxed.
template <typename G>
auto begin(G& graph, PoolId pool, int mode, int) -> decltype(graph.capture_begin(pool, static_cast<cudaStreamCaptureMode>(mode))) {
  graph.capture_begin(pool, static_cast<cudaStreamCaptureMode>(mode));
}
template <typename G>
void begin(G& graph, PoolId pool, int mode, long) {
  if (mode != 0) missingFeature("other capture modes than 'global'", "Use a newer libtorch.");
  graph.capture_begin(pool);
}

// From 2.4 a graph advances every generator that was made known to it; before, the default one alone; from 2.14 every one that
// its work uses, without being told.
template <typename G>
auto registerState(G& graph, const at::Generator& generator, int) -> decltype(graph.register_generator_state(generator)) {
  graph.register_generator_state(generator);
}
template <typename G>
void registerState(G&, const at::Generator&, long) {
  if (!SUAVE_TORCH_AT_LEAST(2, 14)) missingFeature("graphs with generators of their own", "Use a newer libtorch, or the device's own generator.");
}
#else
class Graph : public at::accelerator::Graph {
 public:
  void abandon() noexcept {}
};
using PoolId = c10::MempoolId_t;

void begin(Graph& graph, PoolId pool, int mode, int) {
  if (mode != 0) missingFeature("other capture modes than 'global'", kNeedsHeaders);
  graph.capture_begin(pool);
}
void registerState(Graph&, const at::Generator&, int) { missingFeature("graphs with generators of their own", kNeedsHeaders); }
#endif

Graph& graphOf(const Call& call) {
  const auto graph = call.state->objects.find<Graph>(call.number(0, "graph"));
  if (graph == nullptr) throw ArgumentError("graph: it was disposed of");
  return *graph;
}

/** `graphNew() → id` */
napi_value graphNew(Call& call) {
  cudaGuard();
  return call.fromNumber(call.state->objects.add(std::make_shared<Graph>()));
}

/** `graphBegin(graph, pool first, pool second, mode)`: on the current stream, which must not be the default one. */
napi_value graphBegin(Call& call) {
  Graph& graph = graphOf(call);
  const PoolId pool{static_cast<unsigned long long>(call.number(1, "pool")), static_cast<unsigned long long>(call.number(2, "pool"))};
  try {
    begin(graph, pool, static_cast<int>(call.number(3, "mode")), 0);
  } catch (...) {
    graph.abandon();
    throw;
  }
  call.state->capturing = true;
  return nullptr;
}

/** `graphEnd(graph)`: on the same stream. */
napi_value graphEnd(Call& call) {
  call.state->capturing = false;
  Graph& graph = graphOf(call);
  try {
    graph.capture_end();
  } catch (...) {
    graph.abandon();
    throw;
  }
  return nullptr;
}

napi_value graphReplay(Call& call) {
  graphOf(call).replay();
  return nullptr;
}

napi_value graphReset(Call& call) {
  graphOf(call).reset();
  return nullptr;
}

napi_value graphDispose(Call& call) {
  call.state->objects.remove<Graph>(call.number(0, "graph"));
  return nullptr;
}

/** `graphPool(graph) → [first, second]` */
napi_value graphPool(Call& call) {
  const auto pool = graphOf(call).pool();
  napi_value result;
  call.check(napi_create_array_with_length(call.env, 2, &result));
  call.check(napi_set_element(call.env, result, 0, call.fromNumber(static_cast<double>(pool.first))));
  call.check(napi_set_element(call.env, result, 1, call.fromNumber(static_cast<double>(pool.second))));
  return result;
}

/** `graphRegisterGenerator(graph, generator)` */
napi_value graphRegisterGenerator(Call& call) {
  const auto found = call.state->generators.find(static_cast<uint32_t>(call.number(1, "generator")));
  if (found == call.state->generators.end()) throw ArgumentError("generator: it was disposed of");
  registerState(graphOf(call), found->second, 0);
  return nullptr;
}

#else

napi_value noGraphs(Call&) {
  cudaGuard();
  missingFeature("CUDA graphs", kNeedsHeaders);
}
constexpr auto graphNew = noGraphs, graphBegin = noGraphs, graphEnd = noGraphs, graphReplay = noGraphs, graphReset = noGraphs, graphDispose = noGraphs,
               graphPool = noGraphs, graphRegisterGenerator = noGraphs;

#endif

/** `isCapturing() → boolean`: a graph is being captured by this environment. */
napi_value isCapturing(Call& call) { return call.fromBoolean(call.state->capturing); }

}  // namespace

Exports cudaGraphExports() {
  return {{"graphNew", guarded<graphNew>},
          {"graphBegin", guarded<graphBegin>},
          {"graphEnd", guarded<graphEnd>},
          {"graphReplay", guarded<graphReplay>},
          {"graphReset", guarded<graphReset>},
          {"graphDispose", guarded<graphDispose>},
          {"graphPool", guarded<graphPool>},
          {"graphRegisterGenerator", guarded<graphRegisterGenerator>},
          {"isCapturing", guarded<isCapturing>}};
}

}  // namespace suave
