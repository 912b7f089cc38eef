/** @file The network that a checkpoint describes. */
import type { nn } from '@suave/torch';
import { CheckpointError } from '../errors.js';
import { PawsClassifier } from '../methods/index.js';
import {
  type Backbone,
  type ClassifierNetwork,
  createBackbone,
  DinoModel,
  LinearClassifier,
  SwavModel,
} from '../models/index.js';
import type {
  CheckpointBackbone,
  CheckpointModel,
  DinoDescription,
  LinearDescription,
  PawsDescription,
  PrototypesDescription,
} from '../runs/index.js';

/** The class of the network that a description stands for. */
export type NetworkOf<Description extends CheckpointModel> = Description extends PrototypesDescription
  ? SwavModel
  : Description extends LinearDescription
    ? LinearClassifier
    : Description extends DinoDescription
      ? DinoModel
      : Description extends PawsDescription
        ? PawsClassifier
        : never;

/** What only training needs. */
export interface NetworkOptions {
  /** Stochastic depth of a vision transformer's last block. Default 0. */
  readonly dropPath?: number;
  /** The backbone below a linear classifier stays as it is. Default false. */
  readonly frozenBackbone?: boolean;
}

/**
 * Builds a network with fresh weights, drawn from torch's generator.
 * @param device  where its parameters live, `cpu` or `cuda`
 */
export function createNetwork<Description extends CheckpointModel>(
  description: Description,
  device: string,
  options: NetworkOptions = {},
): NetworkOf<Description> {
  const network = build(description, createDescribedBackbone(description, options), options);
  return (device === 'cpu' ? network : network.to({ device })) as NetworkOf<Description>;
}

/** Builds the backbone alone, with fresh weights, on the CPU. */
export function createDescribedBackbone(
  description: CheckpointBackbone,
  { dropPath = 0 }: Pick<NetworkOptions, 'dropPath'> = {},
): Backbone {
  const { arch, width, stem, patchSize, imageSize } = description;
  if (patchSize === null || imageSize === null) return createBackbone(arch, { width, stem });
  return createBackbone(arch, { width, patchSize, imageSize, dropPathRate: dropPath });
}

function build(
  description: CheckpointModel,
  backbone: Backbone,
  options: NetworkOptions,
): nn.Module & ClassifierNetwork {
  switch (description.kind) {
    case 'prototypes': {
      const { hidden, outputDim, outputs, onlineClasses, ensembleHead } = description;
      const prototypes = outputs.length === 1 ? outputs[0] : outputs;
      return new SwavModel({ backbone, hiddenMlp: hidden, outputDim, prototypes, onlineClasses, ensembleHead });
    }
    case 'linear':
      return new LinearClassifier(backbone, description.outputs[0], {
        features: description.features,
        frozenBackbone: options.frozenBackbone ?? false,
      });
    case 'dino':
      return new DinoModel({ backbone, outDim: description.outputs[0], ...description.head });
    case 'paws': {
      const { head, outputs, temperature } = description;
      return new PawsClassifier({ backbone, ...head, numClasses: outputs[0], temperature });
    }
    default:
      throw new CheckpointError(
        `network: expected a known kind, got "${(description as CheckpointModel).kind}". Use a newer version of Suave.`,
      );
  }
}

/** In words, for messages: `resnet8 (width 2, cifar stem)`, `vit_small (patch 16, 224 px)`. */
export function architectureText({ arch, width, stem, patchSize, imageSize }: CheckpointBackbone): string {
  return patchSize === null
    ? `${arch} (width ${width}, ${stem} stem)`
    : `${arch} (patch ${patchSize}, ${imageSize} px)`;
}
