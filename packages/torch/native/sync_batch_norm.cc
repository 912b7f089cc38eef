// Batch norm over the batches of all processes of a group, differentiable.
//
// Made of operators that every device has; the group moves two small tensors, one forward and one backward.
// Legend: x is [N, C, ...], n values per channel on this rank, W ranks.
#include "group.h"

#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

namespace suave {
namespace {

constexpr const char* kName = "syncBatchNorm";

struct GroupHolder : torch::CustomClassHolder {
  explicit GroupHolder(std::shared_ptr<ProcessGroup> held) : group(std::move(held)) {}
  std::shared_ptr<ProcessGroup> group;  // outlives its disposal while a graph needs it
};

struct Settings {
  std::shared_ptr<ProcessGroup> group;
  at::Tensor runningMean;  // both undefined where nothing is tracked
  at::Tensor runningVar;
  double momentum;
  double eps;
};

/** Halves are summed in float32, the others in their own type. */
at::ScalarType accumulationType(const at::Tensor& x) { return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat; }

at::Tensor accumulated(const at::Tensor& x) { return x.to(accumulationType(x)); }

/** A tensor [C] that broadcasts over x. */
at::Tensor overChannels(const at::Tensor& channels, const at::Tensor& x) {
  std::vector<int64_t> shape(static_cast<size_t>(x.dim()), 1);
  shape[1] = channels.numel();
  return channels.to(accumulationType(x)).view(shape);
}

struct Statistics {
  at::Tensor mean;      // float64 [C]
  at::Tensor variance;  // float64 [C], biased
  double count;         // values per channel over all ranks
};

/**
 * Each rank fills its row (mean, sum of squares about it, count) of a matrix of zeros, the sum of which all ranks get: every
 * rank computes the same bits from it. Squares are combined about the common mean (Chan et al. 1979), so that a mean far
 * from zero costs no precision.
 */
Statistics gatherStatistics(const at::Tensor& x, ProcessGroup& group) {
  const int64_t channels = x.size(1);
  const auto options = x.options().dtype(at::kDouble);
  const double count = channels > 0 ? static_cast<double>(x.numel() / channels) : 0;
  at::Tensor rows = at::zeros({group.worldSize(), 2 * channels + 1}, options);
  if (count > 0) {
    const auto [mean, variance] = at::batch_norm_update_stats(accumulated(x), {}, {}, 0.0);
    at::Tensor row = rows.select(0, group.rank());
    row.narrow(0, 0, channels).copy_(mean);
    row.narrow(0, channels, channels).copy_(variance).mul_(count);
    row.select(0, 2 * channels).fill_(count);
  }
  group.allReduceSum(rows, kName);
  const at::Tensor means = rows.narrow(1, 0, channels);
  const at::Tensor squares = rows.narrow(1, channels, channels);
  const at::Tensor counts = rows.narrow(1, 2 * channels, 1);
  const double total = counts.sum().item<double>();
  if (total <= 1)
    throw OperatorError(kName, "", "expected more than one value per channel over all processes. Use larger batches or eval().", "ERR_TORCH_SHAPE");
  const at::Tensor mean = (means * counts).sum(0) / total;
  const at::Tensor variance = (squares + (means - mean).square() * counts).sum(0) / total;
  return {mean, variance, total};
}

void track(const Settings& settings, const Statistics& statistics) {
  if (!settings.runningMean.defined()) return;
  const auto move = [&](const at::Tensor& running, const at::Tensor& value) {
    running.mul_(1 - settings.momentum).add_(value.to(running.scalar_type()), settings.momentum);
  };
  move(settings.runningMean, statistics.mean);
  move(settings.runningVar, statistics.variance * (statistics.count / (statistics.count - 1)));
}

class SyncBatchNorm : public torch::autograd::Function<SyncBatchNorm> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                            const Settings& settings) {
    const Statistics statistics = gatherStatistics(x, *settings.group);
    track(settings, statistics);
    const at::Tensor input = accumulated(x);
    const auto type = input.scalar_type();
    const at::Tensor mean = statistics.mean.to(type);
    const at::Tensor variance = statistics.variance.to(type);
    context->save_for_backward({x, weight, mean, variance});
    context->saved_data["group"] = c10::IValue::make_capsule(c10::make_intrusive<GroupHolder>(settings.group));
    context->saved_data["count"] = statistics.count;
    context->saved_data["eps"] = settings.eps;
    if (x.numel() == 0) return at::empty_like(x);
    return std::get<0>(at::native_batch_norm(input, weight.to(type), bias.to(type), mean, variance, false, 0.0, settings.eps)).to(x.scalar_type());
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients) {
    if (c10::GradMode::is_enabled())
      throw OperatorError(kName, "", "second derivatives through a synchronized batch norm are not supported. Use createGraph: false.");
    const auto saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor input = accumulated(x);
    const at::Tensor gradient = gradients[0].to(input.scalar_type());
    const at::Tensor weight = saved[1].to(input.scalar_type());
    const at::Tensor& mean = saved[2];
    const at::Tensor& variance = saved[3];
    const double count = context->saved_data["count"].toDouble();
    const double eps = context->saved_data["eps"].toDouble();
    const auto holder = c10::static_intrusive_pointer_cast<GroupHolder>(context->saved_data["group"].toCapsule());
    const int64_t channels = x.size(1);

    // This rank's sums of dy·x̂ and of dy are its gradients of weight and bias; as evaluation mode has them, in one pass.
    at::Tensor weightGradient = at::zeros({channels}, mean.options());
    at::Tensor biasGradient = at::zeros({channels}, mean.options());
    if (x.numel() > 0) {
      const at::Tensor inverse = at::rsqrt(variance + eps);
      const auto sums = at::native_batch_norm_backward(gradient, input, weight, mean, variance, mean, inverse, false, eps, {false, true, true});
      weightGradient = std::get<1>(sums);
      biasGradient = std::get<2>(sums);
    }
    at::Tensor sums = at::cat({weightGradient, biasGradient}).to(at::kDouble);
    holder->group->allReduceSum(sums, kName);
    at::Tensor inputGradient = at::empty_like(x);
    if (x.numel() > 0) {
      // dx = w/σ · (dy − Σdy/n − x̂·Σ(dy·x̂)/n)
      const at::Tensor inverse = at::rsqrt(variance.to(at::kDouble) + eps);
      const at::Tensor scale = inverse * weight;
      const at::Tensor slope = scale * inverse * sums.narrow(0, 0, channels) / -count;
      const at::Tensor shift = scale * sums.narrow(0, channels, channels) / -count;
      const at::Tensor result = at::sub(input, overChannels(mean, x));
      result.mul_(overChannels(slope, x)).add_(overChannels(shift, x)).addcmul_(gradient, overChannels(scale, x));
      inputGradient = result.to(x.scalar_type());
    }
    return {inputGradient, weightGradient.to(saved[1].scalar_type()), biasGradient.to(saved[1].scalar_type()), at::Tensor()};
  }
};

/**
 * `syncBatchNorm(group, [input, weight | 0, bias | 0, runningMean | 0, runningVar | 0], momentum, eps) → output`: training
 * mode; the running statistics are moved in place.
 */
napi_value syncBatchNorm(Call& call) {
  const auto tensors = call.tensors(1, "tensors");
  if (tensors.size() != 5 || !tensors[0].defined()) throw ArgumentError("syncBatchNorm: expected five tensors, the input first");
  const at::Tensor& x = tensors[0];
  const auto options = x.options().dtype(accumulationType(x));
  const at::Tensor weight = tensors[1].defined() ? tensors[1] : at::ones({x.size(1)}, options);
  const at::Tensor bias = tensors[2].defined() ? tensors[2] : at::zeros({x.size(1)}, options);
  const Settings settings{groupOf(call, 0), tensors[3], tensors[4], call.number(2, "momentum"), call.number(3, "eps")};
  return call.adopt(SyncBatchNorm::apply(x, weight, bias, settings));
}

}  // namespace

Exports syncBatchNormExports() { return {{"syncBatchNorm", guarded<syncBatchNorm>}}; }

}  // namespace suave
