// What differentiation needs beside the slot table: the thread of JavaScript as others see it, modes that are saved and restored.
#pragma once

#include "environment.h"

#include <c10/core/InferenceMode.h>
#include <c10/core/Stream.h>
#include <torch/csrc/autograd/edge.h>
#include <torch/csrc/autograd/function.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace suave {

/** How a graph holds its nodes: `std::shared_ptr` until libtorch 2.12, `c10::intrusive_ptr` since. */
using NodePtr = decltype(torch::autograd::Edge::function);

/** The state of automatic casting on this thread. */
struct AutocastState {
  struct Region {
    bool enabled = false;
    at::ScalarType dtype = at::kFloat;
  };
  Region cpu, cuda;
  bool cacheEnabled = true;

  static AutocastState current();
  void apply() const;
};

/** Device and streams that are current on this thread, of every CUDA device; empty without one. */
struct DeviceState {
  c10::optional<c10::Device> device;
  std::vector<c10::Stream> streams;

  static DeviceState current();
  void apply() const;
};

/** The thread of one Node environment, asked for work by threads of the engine while it waits for them. */
class ScriptThread {
 public:
  explicit ScriptThread(napi_env owner) : env(owner), id_(std::this_thread::get_id()) {}

  const napi_env env;

  bool here() const { return std::this_thread::get_id() == id_; }

  /** Runs `task` on this environment's thread and waits for it; exceptions come back. @throws when the thread serves nobody */
  void run(const std::function<void()>& task);

  /** Runs `work` on another thread, doing on this one what `run` asks for. */
  void serveWhile(const std::function<void()>& work);

  /** Lets go of a reference, from any thread. */
  void drop(napi_ref reference);

  /** Deletes what other threads dropped. */
  void sweep();

  /** The environment ends: nothing of it may be touched any more. */
  void close();

 private:
  struct Request {
    const std::function<void()>* task;
    std::exception_ptr error;
    bool done = false;
  };
  const std::thread::id id_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Request*> requests_;
  std::vector<napi_ref> dropped_;
  int serving_ = 0;
  bool closed_ = false;
};

/** Where a failing backward node leaves the stack of the call that made it. */
struct AnomalyBox {
  std::mutex mutex;
  std::string nodeName;
  std::string text;
};

struct CheckpointRecord;

/** Differentiation's part of an environment; ends before its tensors do. */
struct AutogradEnvironment {
  explicit AutogradEnvironment(napi_env env) : script(std::make_shared<ScriptThread>(env)) {}
  ~AutogradEnvironment();

  const std::shared_ptr<ScriptThread> script;
  const std::shared_ptr<AnomalyBox> anomaly = std::make_shared<AnomalyBox>();
  std::vector<std::unique_ptr<c10::InferenceMode>> inference;
  std::vector<std::shared_ptr<CheckpointRecord>> recording;  // checkpoints whose body runs for the first time
  struct Recomputation {
    std::vector<at::Tensor> inputs, outputs;
  };
  std::vector<Recomputation> recomputing;
  napi_ref scriptError = nullptr;  // [error]: what a body threw during backward
  napi_ref stackFunction = nullptr;
  int anomalyRegions = 0;    // open ones of detectAnomaly, and those of them that search for NaN
  int checkingRegions = 0;
  bool alwaysServe = false;  // for tests: as if a checkpoint were on a device
};

AutogradEnvironment& autogradOf(const Call& call);

/** Runs the engine: serving its threads where that is needed, with errors that JavaScript understands. */
void runEngine(const Call& call, const std::function<void()>& work);

Exports modeExports();
Exports anomalyExports();

/** Ends the regions of detectAnomaly that a thread left open: it was terminated inside. */
void endAnomalyRegions(AutogradEnvironment& own);

/** Whether backward passes may have to run JavaScript on a thread of the engine. */
bool checkpointsOnDevices();

}  // namespace suave
