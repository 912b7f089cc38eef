/** @file Number formats: where half types are widened. */
import type { Tensor } from '@suave/torch';

/**
 * The tensor itself in float32 or float64, else widened to float32: embeddings, assignments and losses never compute in
 * half types, whatever the layers before them did.
 */
export function atLeastFloat32(x: Tensor): Tensor {
  return x.dtype === 'float32' || x.dtype === 'float64' ? x : x.to('float32');
}
