/** @file Reading and writing tensors on disk. */
export { type WriteAll, writeAtomically } from './atomic-write.js';
export { CheckpointError, type CheckpointErrorCode, listKeys } from './checkpoint-error.js';
export type { CheckpointTensor } from './checkpoint-tensor.js';
export type { SkippedEntry } from './checkpoint-tree.js';
export { parsePickle } from './pickle.js';
export {
  NumpyArray,
  NumpyScalar,
  type PickleDict,
  PickleNamespace,
  type PickleSet,
  PickleTuple,
  type PickleValue,
} from './pickle-values.js';
export { type PyTorchCheckpoint, readPyTorchCheckpoint } from './pytorch-checkpoint.js';
export {
  readSafetensors,
  readSafetensorsHeader,
  type Safetensors,
  SafetensorsFile,
  writeSafetensors,
} from './safetensors.js';
export type { SafetensorsEntry, SafetensorsHeader } from './safetensors-header.js';
export { openTensorFile, type StoredTensor, type TensorFile } from './tensor-file.js';
