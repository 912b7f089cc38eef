/** @file Door of the on-disk run: layout, lock, configuration file, environment and metrics. Imports nothing of ours. */
export { writeFileAtomic } from './atomic-write.js';
export {
  type CalibrationRecord,
  type CoveragePoint,
  coverageAt,
  readCalibration,
  writeCalibration,
} from './calibration.js';
export {
  type CheckpointBackbone,
  type CheckpointInput,
  type CheckpointMetadata,
  type CheckpointModel,
  type CheckpointScore,
  type DinoDescription,
  decodeCheckpointMetadata,
  encodeCheckpointMetadata,
  type LinearDescription,
  type PawsDescription,
  type PrototypesDescription,
} from './checkpoint-metadata.js';
export { describeEnvironment, type Environment, writeEnvironment } from './environment.js';
export { holdsRun, isFolder, type RunPaths, runPaths } from './layout.js';
export { acquireLock, isLockAlive, type LockOwner, type RunLock, readLock } from './lock.js';
export { type MetricsRecord, MetricsWriter, readMetrics, truncateMetrics } from './metrics.js';
export { MetricsTable } from './metrics-table.js';
export { RunError } from './run-error.js';
export { checkOut, type OpenRun, openRun, readConfig, writeConfig } from './run-folder.js';
