/** @file Weights as after some training, for networks that nobody has trained. */
import { nn, noGrad, randint, randn, scope } from '@suave/torch';

/**
 * Moves weights, biases and statistics of a fresh network away from zero and one, so that a layer that is forgotten or wrong
 * changes its output; PAWS gets labeled images to compare with.
 * @param {import('@suave/torch').nn.Module} network  modified in place
 */
export function moveWeights(network) {
  noGrad(() =>
    scope(() => {
      for (const [, module] of network.namedModules()) move(module);
      // below some heads it is no module of its own
      if ('backbone' in network) move(network.backbone);
    }),
  );
  if ('setSupport' in network) {
    const { outputDim, numClasses } = network;
    network.setSupport(randn([20, outputDim]), randint(numClasses, [20], { dtype: 'int64' }));
  }
}

function move(module) {
  if (module instanceof nn.BatchNorm2d || module instanceof nn.BatchNorm1d) {
    moveNorm(module);
    module.running_mean.normal_({ mean: 0, std: 0.2 });
    module.running_var.uniform_({ from: 0.5, to: 1.5 });
  } else if (module instanceof nn.LayerNorm) {
    moveNorm(module);
  } else if (module instanceof nn.WeightNormLinear) {
    module.weight_g.uniform_({ from: 0.5, to: 2 });
  } else if (module instanceof nn.Linear) {
    module.weight.normal_({ mean: 0, std: 1.5 / Math.sqrt(module.inFeatures) });
    module.bias?.normal_({ mean: 0, std: 0.1 });
  } else if ('cls_token' in module) {
    for (const tokens of [module.cls_token, module.pos_embed]) tokens.normal_({ mean: 0, std: 0.5 });
  }
}

function moveNorm({ weight, bias }) {
  weight.uniform_({ from: 0.5, to: 1.2 });
  bias.normal_({ mean: 0, std: 0.2 });
}
