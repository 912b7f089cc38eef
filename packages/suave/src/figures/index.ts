/** @file Door of the figures: maps of features, drawn for people. */
export { type Neighbours, nearestNeighbours } from './nearest-neighbours.js';
export { defaultMapNeighbours, type ProjectionOptions, projectTo2d } from './umap.js';
