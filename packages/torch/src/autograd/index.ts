/** @file Door of automatic differentiation. */
export { type Differentiable, type GradCheckOptions, gradCheck, gradGradCheck } from './grad-check.js';
export { type GradOptions, grad, gradientsOf, type OneOrMany, setGradients, setRequiresGrad } from './gradients.js';
export { autocast, enableGrad, isGradEnabled, noGrad, withoutAutocast } from './modes.js';
