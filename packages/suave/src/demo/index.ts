/** @file Door of the demo: the whole product on images it draws itself. */
export { type DemoOptions, type DemoResult, type DemoSummary, runDemo } from './demo.js';
export { drawContactSheet, drawImageSet, type ImageSetSpec } from './draw-images.js';
export { type ShapeName, shapeNames } from './shapes.js';
