// Collectives between processes on the CPU: libtorch's own ProcessGroupGloo, one group per integer id.
#include "group.h"

// libtorch's headers need Gloo's, which only Debian's libgloo-dev brings; without them every call is a typed error.
#if !defined(SUAVE_HAS_GLOO)
#if __has_include(<gloo/algorithm.h>) && __has_include(<torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>)
#define SUAVE_HAS_GLOO 1
#else
#define SUAVE_HAS_GLOO 0
#endif
#endif

#if SUAVE_HAS_GLOO
#ifndef USE_C10D_GLOO
#define USE_C10D_GLOO
#endif
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#endif

namespace suave {
namespace {

constexpr const char* kCode = "ERR_TORCH_DISTRIBUTED";

#if SUAVE_HAS_GLOO

/** Runs a collective; a lost peer or a timeout becomes an error that names the operation. */
template <typename Body>
auto collective(const char* name, Body body) -> decltype(body()) {
  try {
    return body();
  } catch (const c10::Error& error) {
    throw OperatorError(name, "", error.what_without_backtrace(), kCode);
  } catch (const std::exception& error) {
    throw OperatorError(name, "", error.what(), kCode);
  }
}

class GlooGroup final : public ProcessGroup {
 public:
  c10::intrusive_ptr<c10d::Store> store;
  std::unique_ptr<c10d::ProcessGroupGloo> gloo;

  int rank() const override { return gloo->getRank(); }
  int worldSize() const override { return gloo->getSize(); }

  /** Gloo works on the host: a tensor of another device goes there and back. */
  void allReduceSum(at::Tensor& dense, const char* name) override {
    std::vector<at::Tensor> tensors{dense.cpu()};
    collective(name, [&] { gloo->allreduce(tensors)->wait(); });
    if (!dense.is_cpu()) dense.copy_(tensors[0]);
  }
};

std::shared_ptr<GlooGroup> glooOf(const Call& call) {
  auto group = std::dynamic_pointer_cast<GlooGroup>(groupOf(call, 0));
  if (group == nullptr) throw ArgumentError("process group: expected one over Gloo");
  return group;
}

c10::intrusive_ptr<c10d::Store> openStore(const std::string& address, int rank, int worldSize, std::chrono::milliseconds timeout) {
  const std::string file = "file://";
  const std::string tcp = "tcp://";
  if (address.compare(0, file.size(), file) == 0) {
    auto store = c10::make_intrusive<c10d::FileStore>(address.substr(file.size()), worldSize);
    store->setTimeout(timeout);
    return store;
  }
  const size_t colon = address.rfind(':');
  if (address.compare(0, tcp.size(), tcp) != 0 || colon == std::string::npos || colon <= tcp.size())
    throw ArgumentError("process group: expected an address file:///PATH or tcp://HOST:PORT, got '" + address + "'");
  int port = 0;
  try {
    port = std::stoi(address.substr(colon + 1));
  } catch (const std::exception&) {
    port = 0;
  }
  if (port < 1 || port > 65535) throw ArgumentError("process group: expected a port from 1 to 65535 in '" + address + "'");
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(port);
  options.isServer = rank == 0;
  options.numWorkers = static_cast<size_t>(worldSize);
  options.waitWorkers = true;
  options.timeout = timeout;
  return c10::make_intrusive<c10d::TCPStore>(address.substr(tcp.size(), colon - tcp.size()), options);
}

/** glooInit(address, rank, worldSize, timeoutSeconds) → id. Waits until all ranks are there. */
napi_value glooInit(Call& call) {
  const std::string address = call.string(0, "address");
  const int rank = static_cast<int>(call.number(1, "rank"));
  const int worldSize = static_cast<int>(call.number(2, "worldSize"));
  const auto timeout = std::chrono::milliseconds(static_cast<int64_t>(call.number(3, "timeoutSeconds") * 1000));
  auto group = std::make_shared<GlooGroup>();
  try {
    group->store = openStore(address, rank, worldSize, timeout);
  } catch (const ArgumentError&) {
    throw;
  } catch (const std::exception& error) {
    throw OperatorError("glooInit", address, error.what(), kCode);
  }
  collective("glooInit", [&] {
    auto options = c10d::ProcessGroupGloo::Options::create(timeout);
    options->devices.push_back(c10d::ProcessGroupGloo::createDefaultDevice());
    group->gloo = std::make_unique<c10d::ProcessGroupGloo>(group->store, rank, worldSize, options);
  });
  return call.fromNumber(storeGroup(*call.state, std::move(group)));
}

c10d::ReduceOp reduceOp(const std::string& name) {
  if (name == "sum") return c10d::ReduceOp::SUM;
  if (name == "max") return c10d::ReduceOp::MAX;
  if (name == "min") return c10d::ReduceOp::MIN;
  throw ArgumentError("op: expected sum, max or min, got '" + name + "'");
}

/** A dense view of the tensor outside autograd, or a copy where it is not dense. */
at::Tensor denseOf(const at::Tensor& tensor) { return tensor.detach().contiguous(); }

void writeBack(const at::Tensor& tensor, const at::Tensor& dense) {
  if (tensor.is_contiguous()) return;
  at::NoGradGuard guard;
  tensor.detach().copy_(dense);
}

/** glooAllReduce(id, tensor, "sum" | "max" | "min"): in place. */
napi_value glooAllReduce(Call& call) {
  const auto group = glooOf(call);
  const at::Tensor& tensor = call.tensor(1);
  c10d::AllreduceOptions options;
  options.reduceOp = reduceOp(call.string(2, "op"));
  std::vector<at::Tensor> tensors{denseOf(tensor)};
  collective("glooAllReduce", [&] { group->gloo->allreduce(tensors, options)->wait(); });
  writeBack(tensor, tensors[0]);
  return call.undefined();
}

/** glooBroadcast(id, tensor, root): in place. */
napi_value glooBroadcast(Call& call) {
  const auto group = glooOf(call);
  const at::Tensor& tensor = call.tensor(1);
  c10d::BroadcastOptions options;
  options.rootRank = static_cast<int64_t>(call.number(2, "root"));
  std::vector<at::Tensor> tensors{denseOf(tensor)};
  collective("glooBroadcast", [&] { group->gloo->broadcast(tensors, options)->wait(); });
  writeBack(tensor, tensors[0]);
  return call.undefined();
}

/** glooAllGather(id, tensor) → one new tensor per rank, in rank order. */
napi_value glooAllGather(Call& call) {
  const auto group = glooOf(call);
  std::vector<at::Tensor> inputs{denseOf(call.tensor(1))};
  std::vector<std::vector<at::Tensor>> outputs(1);
  for (int rank = 0; rank < group->gloo->getSize(); ++rank) outputs[0].push_back(at::empty_like(inputs[0]));
  collective("glooAllGather", [&] { group->gloo->allgather(outputs, inputs)->wait(); });
  return call.fromHandles(outputs[0]);
}

/** glooBarrier(id): returns when every rank has called it. */
napi_value glooBarrier(Call& call) {
  const auto group = glooOf(call);
  collective("glooBarrier", [&] { group->gloo->barrier()->wait(); });
  return call.undefined();
}

/** glooDestroy(id): closes the connections; a second call is a no-op. */
napi_value glooDestroy(Call& call) {
  call.state->objects.remove<ProcessGroup>(call.number(0, "process group"));
  return call.undefined();
}

#else

napi_value unavailable(Call&) {
  throw OperatorError("gloo", "", "the addon was built without Gloo's headers: install libgloo-dev and build again (npm run build)", kCode);
}

#endif

napi_value glooAvailable(Call& call) { return call.fromBoolean(SUAVE_HAS_GLOO != 0); }

}  // namespace

Exports glooExports() {
#if SUAVE_HAS_GLOO
  return {
      {"glooAvailable", guarded<glooAvailable>}, {"glooInit", guarded<glooInit>},
      {"glooAllReduce", guarded<glooAllReduce>}, {"glooBroadcast", guarded<glooBroadcast>},
      {"glooAllGather", guarded<glooAllGather>}, {"glooBarrier", guarded<glooBarrier>},
      {"glooDestroy", guarded<glooDestroy>},
  };
#else
  return {
      {"glooAvailable", guarded<glooAvailable>}, {"glooInit", guarded<unavailable>},
      {"glooAllReduce", guarded<unavailable>},   {"glooBroadcast", guarded<unavailable>},
      {"glooAllGather", guarded<unavailable>},   {"glooBarrier", guarded<unavailable>},
      {"glooDestroy", guarded<unavailable>},
  };
#endif
}

}  // namespace suave
