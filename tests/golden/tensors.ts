/** @file Golden tensors as torch tensors on the device of the test that runs. */
import { type DType, fromTypedArray, type Tensor } from '@suave/torch';
import { place } from '../fixtures/devices.js';
import type { GoldenDType, GoldenTensor } from './safetensors-file.js';

const DTYPES: Record<GoldenDType, DType> = { F32: 'float32', F64: 'float64', I64: 'int64', U8: 'uint8' };

/** A new torch tensor with the golden values, widened or narrowed to `dtype` if given. */
export function toTensor(golden: GoldenTensor, dtype?: DType): Tensor {
  const stored = place(fromTypedArray(golden.data, [...golden.shape], { dtype: DTYPES[golden.dtype] }));
  return dtype === undefined || dtype === DTYPES[golden.dtype] ? stored : stored.to(dtype);
}

/** Floats of a uint8 golden image batch by the manifest's rule `x = (u8 − 128) / 64`, exact in float32. */
export function imagesFromBytes(golden: GoldenTensor, dtype: 'float32' | 'float64'): Tensor {
  const bytes = golden.data as Uint8Array;
  const values = dtype === 'float32' ? new Float32Array(bytes.length) : new Float64Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) values[i] = (bytes[i]! - 128) / 64;
  return place(fromTypedArray(values, [...golden.shape], { dtype }));
}
