/** @file Which parameters weight decay pulls: matrices and tokens, not biases and norms. */
import type { nn, Tensor } from '@suave/torch';
import type { ParameterGroup } from '../method.js';

const decays = ([name, parameter]: readonly [string, Tensor]): boolean => parameter.rank > 1 && !name.endsWith('.bias');

/**
 * The groups `regularized` (at least two dimensions and no bias: also position encoding, class token, gain of the last
 * layer) and `unregularized` (biases and 1-D tensors), each in the order of the model; frozen parameters are in neither.
 */
export function regularizedGroups(model: nn.Module): ParameterGroup[] {
  const trained = [...model.namedParameters()].filter(([, parameter]) => parameter.requiresGrad);
  const tensors = (named: typeof trained) => named.map(([, parameter]) => parameter);
  return [
    { name: 'regularized', parameters: tensors(trained.filter(decays)), decays: true },
    { name: 'unregularized', parameters: tensors(trained.filter((named) => !decays(named))), decays: false },
  ];
}
