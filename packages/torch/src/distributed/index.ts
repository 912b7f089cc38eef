/** @file Several processes as one: collectives over Gloo, and the group of a single process. */
export { type Collective, type NativeCollective, SingleProcess } from './collective.js';
export { GlooGroup, type GlooOptions, glooAvailable } from './gloo.js';
