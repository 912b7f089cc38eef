/** @file Door of the figures: maps of features, drawn for people. */
export { type MapChoice, type MapSplit, mapSplits } from './choose-images.js';
export { type FeatureMap, type FeatureMapOptions, makeFeatureMap } from './feature-map.js';
export type { MapFigure, MapPanel, MapPrototype, MapQuality } from './map-figure.js';
export { type Neighbours, nearestNeighbours } from './nearest-neighbours.js';
export { defaultMapNeighbours, type ProjectionOptions, projectTo2d } from './umap.js';
export { checkMapFile, writeMap } from './write-map.js';
