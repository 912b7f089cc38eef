/** @file Histograms of what a network consists of, read back at once and seldom: once an epoch. */
import { cat, noGrad, scope, type Tensor } from '@suave/torch';
import type { Method } from '../methods/index.js';
import { histogramSummary, type SummaryValue } from '../runs/tensorboard/index.js';

/** Values of a parameter that are looked at, evenly spaced: enough for a histogram, few to read back. */
const valuesPerParameter = 1024;

/** The part of the network that a parameter belongs to: `backbone.layer1`, `projection_head`, `prototypes`. */
function partOf(name: string): string {
  const words = name.split('.');
  return words.slice(0, words[0] === 'backbone' ? 2 : 1).join('.');
}

/** Histograms of the weights of each part of the network, and of the lengths of the prototypes of classes; waits for the device. */
export function parameterHistograms(method: Pick<Method, 'model' | 'prototypeLengths'>): SummaryValue[] {
  return noGrad(() =>
    scope(() => {
      const named = [...method.model.namedParameters()].map(([name, tensor]): [string, Tensor] => [
        `weights/${partOf(name)}`,
        sample(tensor),
      ]);
      const lengths = method.prototypeLengths?.();
      if (lengths !== undefined) named.push(['prototypes/lengths', sample(lengths)]);
      const parts = new Map<string, Tensor[]>();
      for (const [tag, tensor] of named) parts.set(tag, [...(parts.get(tag) ?? []), tensor]);
      const all = cat([...parts.values()].flat()).data() as Float32Array;
      let end = 0;
      return [...parts].map(([tag, tensors]) => {
        const start = end;
        end += tensors.reduce((sum, { numel }) => sum + numel, 0);
        return histogramSummary(tag, all.subarray(start, end));
      });
    }),
  );
}

/** float32 [n], n at most `valuesPerParameter`. */
function sample(tensor: Tensor): Tensor {
  const flat = tensor.detach().reshape([-1]);
  return flat.slice({ dim: 0, step: Math.ceil(flat.numel / valuesPerParameter) || 1 }).to('float32');
}
