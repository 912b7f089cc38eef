/**
 * @file The state of a run as one safetensors file: network, momentum encoder, queue, optimizer, sums of the log, counters and
 * configuration. Written under a temporary name, synced, renamed: a killed process leaves the old file or the new one.
 */
import { readSafetensors, type Tensor, writeSafetensors } from '@suave/torch';
import { type CheckpointMetadata, decodeCheckpointMetadata, encodeCheckpointMetadata } from '../runs/index.js';

/** Prefixes of the parts of a checkpoint; the method's own keys (`model.…`, `queue`) have none. */
const optimizerPrefix = 'optimizer.';
const scalerPrefix = 'scaler.';
const meterPrefix = 'meter.';

/** Live tensors of a run's state, by part. */
export interface StateParts {
  method: ReadonlyMap<string, Tensor>;
  optimizer: ReadonlyMap<string, Tensor>;
  /** Of the loss scale in half precision; empty elsewhere. */
  scaler: ReadonlyMap<string, Tensor>;
  meter: ReadonlyMap<string, Tensor>;
}

/** A checkpoint, read; its tensors belong to the caller. */
export interface LoadedCheckpoint {
  metadata: CheckpointMetadata;
  method: Map<string, Tensor>;
  optimizer: Map<string, Tensor>;
  scaler: Map<string, Tensor>;
  meter: Map<string, Tensor>;
  dispose(): void;
}

/** Writes the complete state. */
export function writeCheckpoint(path: string, parts: StateParts, metadata: CheckpointMetadata): void {
  const tensors = new Map<string, Tensor>(parts.method);
  for (const [name, tensor] of parts.optimizer) tensors.set(optimizerPrefix + name, tensor);
  for (const [name, tensor] of parts.scaler) tensors.set(scalerPrefix + name, tensor);
  for (const [name, tensor] of parts.meter) tensors.set(meterPrefix + name, tensor);
  writeSafetensors(path, tensors, encodeCheckpointMetadata(metadata));
}

/** Reads a checkpoint of the same run. */
export function readCheckpoint(path: string): LoadedCheckpoint {
  const { tensors, metadata } = readSafetensors(path);
  const parts = {
    method: new Map<string, Tensor>(),
    optimizer: new Map<string, Tensor>(),
    scaler: new Map<string, Tensor>(),
    meter: new Map<string, Tensor>(),
  };
  for (const [name, tensor] of tensors) {
    if (name.startsWith(optimizerPrefix)) parts.optimizer.set(name.slice(optimizerPrefix.length), tensor);
    else if (name.startsWith(scalerPrefix)) parts.scaler.set(name.slice(scalerPrefix.length), tensor);
    else if (name.startsWith(meterPrefix)) parts.meter.set(name.slice(meterPrefix.length), tensor);
    else parts.method.set(name, tensor);
  }
  return {
    metadata: decodeCheckpointMetadata(path, metadata),
    ...parts,
    dispose() {
      for (const tensor of tensors.values()) tensor.dispose();
    },
  };
}

/** Writes other metadata to an existing checkpoint, its tensors unchanged. */
export function rewriteMetadata(path: string, change: (metadata: CheckpointMetadata) => CheckpointMetadata): void {
  const { tensors, metadata } = readSafetensors(path);
  try {
    writeSafetensors(path, tensors, encodeCheckpointMetadata(change(decodeCheckpointMetadata(path, metadata))));
  } finally {
    for (const tensor of tensors.values()) tensor.dispose();
  }
}
