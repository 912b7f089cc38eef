/** @file Features of images by the network of a checkpoint, with classes or without. */
import type { nn, Tensor } from '@suave/torch';
import { CheckpointError } from '../errors.js';
import { PawsClassifier } from '../methods/index.js';
import { type Backbone, normalizedRows, SwavModel } from '../models/index.js';
import type { CheckpointMetadata } from '../runs/index.js';
import {
  type CheckpointChoice,
  findCheckpoint,
  networkPrefix,
  predictingPrefix,
  readCheckpointMetadata,
  readNetworkTensors,
} from './classifier.js';
import { createNetwork } from './network.js';

/** Whose weights of a method with a teacher. */
export type WeightsChoice = 'teacher' | 'student';

/** How a network is read. */
export interface FeatureOptions {
  readonly device?: string;
  readonly checkpoint?: CheckpointChoice;
  /** Of DINO and Daino; null is the teacher. An error for other methods. */
  readonly weights?: WeightsChoice | null;
}

/** What a feature is, in words for the user. */
export type FeatureName = 'backbone features' | 'embeddings';

/** A network that tells features, ready for use; owns it. */
export class FeatureExtractor {
  readonly #network: nn.Module & { readonly backbone: Backbone };

  /** @param network  taken over, set to evaluation mode */
  constructor(
    network: nn.Module & { readonly backbone: Backbone },
    readonly metadata: CheckpointMetadata,
    readonly device: string,
  ) {
    this.#network = network;
    network.eval();
  }

  /**
   * Rebuilds the network of a run or checkpoint.
   * @throws CheckpointError when it is damaged or has no such weights; RunError when there is none
   */
  static load(path: string, { device = 'cpu', checkpoint, weights = null }: FeatureOptions = {}): FeatureExtractor {
    const file = findCheckpoint(path, checkpoint);
    const metadata = readCheckpointMetadata(file);
    if (weights !== null && metadata.model.kind !== 'dino') {
      throw new CheckpointError(
        `--weights ${weights}: expected a checkpoint of DINO or Daino, which have a teacher, got one of stage "${metadata.stage.name}". Leave it out.`,
        { code: 'CHECKPOINT_WITHOUT_TEACHER' },
      );
    }
    const network = createNetwork(metadata.model, device);
    const tensors = readNetworkTensors(file, weights === 'student' ? networkPrefix : predictingPrefix(metadata.model));
    try {
      network.loadStateDict(tensors);
    } catch (cause) {
      network.dispose();
      throw cause;
    } finally {
      for (const tensor of tensors.values()) tensor.dispose();
    }
    return new FeatureExtractor(network, metadata, device);
  }

  /** Features [N, F] of the backbone for prepared images [N, 3, s, s]: its pooled last map, or the class token. */
  features(images: Tensor): Tensor {
    return this.#network.backbone.forward(images);
  }

  /** What `embeddings` gives. */
  get embeddingName(): FeatureName {
    return this.#network instanceof SwavModel || this.#network instanceof PawsClassifier
      ? 'embeddings'
      : 'backbone features';
  }

  /** Embeddings z [N, D] of SwAV, Suave and PAWS; of other networks the backbone's features. Rows of unit length. */
  embeddings(images: Tensor): Tensor {
    const network = this.#network;
    if (network instanceof SwavModel) return network.forward([images]).embeddings;
    if (network instanceof PawsClassifier) return network.embed(images);
    return normalizedRows(this.features(images));
  }

  dispose(): void {
    this.#network.dispose();
  }
}
