/** @file The network that a checkpoint describes. */
import type { nn } from '@suave/torch';
import { type ClassifierNetwork, createBackbone, LinearClassifier, SwavModel } from '../models/index.js';
import type { CheckpointModel } from '../runs/index.js';

/** A `SwavModel` (kind `prototypes`) or a `LinearClassifier` (kind `linear`). */
export type DescribedNetwork =
  | { readonly kind: 'prototypes'; readonly network: SwavModel }
  | { readonly kind: 'linear'; readonly network: LinearClassifier };

/**
 * Builds a network with fresh weights, drawn from torch's generator.
 * @param device  where its parameters live, `cpu` or `cuda`
 */
export function createNetwork(description: CheckpointModel, device: string): DescribedNetwork {
  const { arch, width, stem, hidden, outputDim, outputs, onlineClasses } = description;
  const backbone = createBackbone(arch, { width, stem });
  if (description.kind === 'linear') {
    return { kind: 'linear', network: moved(new LinearClassifier(backbone, outputs[0]), device) };
  }
  const prototypes = outputs.length === 1 ? outputs[0] : outputs;
  const network = new SwavModel({ backbone, hiddenMlp: hidden, outputDim, prototypes, onlineClasses });
  return { kind: 'prototypes', network: moved(network, device) };
}

function moved<M extends nn.Module & ClassifierNetwork>(network: M, device: string): M {
  return device === 'cpu' ? network : network.to({ device });
}

/** In words, for messages: `resnet8 (width 2, cifar stem)`. */
export function architectureText(model: CheckpointModel): string {
  return `${model.arch} (width ${model.width}, ${model.stem} stem)`;
}
