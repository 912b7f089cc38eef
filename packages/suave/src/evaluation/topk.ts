/** @file Top-k accuracy, as evaluation reports it (percentages of the golden cases divided by 100). */
export { topkAccuracy } from '../methods/accuracy.js';
