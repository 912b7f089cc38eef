/** @file Door of automatic differentiation. */
export { type GradOptions, grad, gradientsOf, setGradients, setRequiresGrad } from './gradients.js';
export { autocast, enableGrad, isGradEnabled, noGrad, withoutAutocast } from './modes.js';
