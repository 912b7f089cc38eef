/** @file Reading and writing tensors on disk. */
export { type WriteAll, writeAtomically } from './atomic-write.js';
export { CheckpointError, type CheckpointErrorCode, listKeys } from './checkpoint-error.js';
export {
  readSafetensors,
  readSafetensorsHeader,
  type Safetensors,
  SafetensorsFile,
  writeSafetensors,
} from './safetensors.js';
export type { SafetensorsEntry, SafetensorsHeader } from './safetensors-header.js';
