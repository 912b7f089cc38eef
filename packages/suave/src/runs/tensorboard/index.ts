/** @file Event files for TensorBoard, and the folder that its projector reads. Imports nothing of ours but the run's own files. */
export { type EventFileOptions, EventWriter, eventFiles } from './event-writer.js';
export { type ProjectorPoints, writeProjector } from './projector.js';
export { frameRecord, readRecords } from './records.js';
export { decodeEvent, type SummaryValue, type TensorBoardEvent } from './schema.js';
export { histogramSummary, imageSummary, scalarsOf, scalarTag, textSummary } from './summaries.js';
