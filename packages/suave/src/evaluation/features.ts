/** @file Features of images by the network of a checkpoint, with classes or without. */
import { existsSync } from 'node:fs';
import { type nn, noGrad, openTensorFile, scope, softmax, type Tensor, type TensorFile } from '@suave/torch';
import { CheckpointError } from '../errors.js';
import { PawsClassifier } from '../methods/index.js';
import {
  atLeastFloat32,
  type Backbone,
  DinoModel,
  LinearClassifier,
  normalizedRows,
  SwavModel,
} from '../models/index.js';
import { type CheckpointMetadata, isFolder } from '../runs/index.js';
import {
  type CheckpointChoice,
  findCheckpoint,
  loadNetwork,
  networkPrefix,
  predictingPrefix,
  readCheckpointMetadata,
} from './classifier.js';
import { readReleasedBackbone } from './released-weights.js';

/** Whose weights of a method with a teacher. */
export type WeightsChoice = 'teacher' | 'student';

/** How a network is read. */
export interface FeatureOptions {
  readonly device?: string;
  readonly checkpoint?: CheckpointChoice;
  /** Of DINO and Daino; null is the teacher. An error for other methods. */
  readonly weights?: WeightsChoice | null;
}

/** Which features: of the backbone, or what the last layer compares with its prototypes. */
export const featureKinds = ['backbone', 'bottleneck'] as const;
export type FeatureKind = (typeof featureKinds)[number];

/** What a network tells of images. */
export interface ImageDescription {
  /** [N, D] */
  readonly features: Tensor;
  /** float64 [N, classes]; null where the network names no classes. */
  readonly probabilities: Tensor | null;
}

/** What a feature is, in words for the user. */
export type FeatureName = 'backbone features' | 'embeddings' | 'bottleneck features';

/** What is known about the network of a checkpoint. */
export interface FeatureSource extends Pick<CheckpointMetadata, 'classes' | 'config' | 'input'> {
  /** Path of the checkpoint. */
  readonly file: string;
  readonly arch: string;
  /** `softmax(scores / probabilityTemperature)` are the probabilities; null where the network names no classes. */
  readonly probabilityTemperature: number | null;
  /** Sentences for the user. */
  readonly notes: readonly string[];
}

/** A network that has a backbone, or the backbone alone. */
type FeatureNetwork = nn.Module & { readonly backbone?: Backbone };

/** A network that tells features, ready for use; owns it. */
export class FeatureExtractor {
  readonly #network: FeatureNetwork;
  readonly #backbone: Backbone;

  /** @param network  taken over, set to evaluation mode */
  constructor(
    network: FeatureNetwork,
    backbone: Backbone,
    readonly source: FeatureSource,
    readonly device: string,
  ) {
    this.#network = network;
    this.#backbone = backbone;
    network.eval();
  }

  /**
   * Rebuilds the network of a run or checkpoint, or the backbone of a checkpoint that another program wrote.
   * @throws CheckpointError when it is damaged or has no such weights; RunError when there is none
   */
  static load(path: string, { device = 'cpu', checkpoint, weights = null }: FeatureOptions = {}): FeatureExtractor {
    const found = isFolder(path) || !existsSync(path) ? findCheckpoint(path, checkpoint) : path;
    using file = openTensorFile(found);
    return file.metadata.suave === undefined
      ? FeatureExtractor.#ofReleased(file, device, weights)
      : FeatureExtractor.#ofRun(found, device, weights);
  }

  static #ofReleased(file: TensorFile, device: string, weights: WeightsChoice | null): FeatureExtractor {
    const { backbone, arch, input, note } = readReleasedBackbone(file, weights);
    const moved = device === 'cpu' ? backbone : backbone.to({ device });
    const source = { file: file.path, arch, input, classes: null, probabilityTemperature: null, config: null };
    return new FeatureExtractor(moved, moved, { ...source, notes: [note] }, device);
  }

  static #ofRun(file: string, device: string, weights: WeightsChoice | null): FeatureExtractor {
    const { model, stage, input, classes, config, probabilityTemperature: temperature } = readCheckpointMetadata(file);
    if (weights !== null && model.kind !== 'dino') {
      throw new CheckpointError(
        `--weights ${weights}: expected a checkpoint of DINO or Daino, which have a teacher, got one of stage "${stage.name}". Leave it out.`,
        { code: 'CHECKPOINT_WITHOUT_TEACHER' },
      );
    }
    const network = loadNetwork(file, model, device, weights === 'student' ? networkPrefix : predictingPrefix(model));
    const probabilityTemperature = classes === null ? null : temperature;
    const source = { file, arch: model.arch, input, classes, probabilityTemperature, config, notes: [] };
    return new FeatureExtractor(network, network.backbone, source, device);
  }

  /** Features [N, F] of the backbone for prepared images [N, 3, s, s]: its pooled last map, or the class token. */
  features(images: Tensor): Tensor {
    return this.#backbone.forward(images);
  }

  /** What features of a kind are. */
  nameOf(kind: FeatureKind): FeatureName {
    return kind === 'backbone' ? 'backbone features' : this.bottleneckName;
  }

  /** Features of a kind and, where the network names classes, their probabilities, of prepared images [N, 3, s, s]. */
  describe(images: Tensor, kind: FeatureKind): ImageDescription {
    return noGrad(() =>
      scope(() => {
        const { features, scores } = this.#featuresAndScores(images, kind);
        const { classes, probabilityTemperature: temperature } = this.source;
        if (scores === null || classes === null || temperature === null) return { features, probabilities: null };
        const ofClasses = scores.narrow(1, 0, classes.length).to('float64'); // prototypes beyond the classes are left out
        return { features, probabilities: softmax(ofClasses.div(temperature), 1) };
      }),
    );
  }

  /** One pass through the backbone where the network allows it, else two. */
  #featuresAndScores(images: Tensor, kind: FeatureKind): { features: Tensor; scores: Tensor | null } {
    const network = this.#network;
    const isBackbone = kind === 'backbone';
    if (network instanceof SwavModel) {
      const { features, embeddings, logits } = network.forward([images]);
      return { features: isBackbone ? features : embeddings, scores: logits[0] ?? null };
    }
    if (network instanceof DinoModel) {
      const { features, logits } = network.forward([images]);
      return { features: isBackbone ? features : network.head.bottleneck(features), scores: logits };
    }
    if (network instanceof LinearClassifier && network.fc.inFeatures === this.#backbone.outFeatures) {
      const features = this.features(images);
      return { features: isBackbone ? features : normalizedRows(features), scores: network.fc.forward(features) };
    }
    const features = isBackbone ? this.features(images) : this.bottleneck(images);
    const isClassifier = network instanceof LinearClassifier || network instanceof PawsClassifier;
    return { features, scores: isClassifier && this.source.classes !== null ? network.classify(images) : null };
  }

  /** What `embeddings` gives. */
  get embeddingName(): FeatureName {
    return this.#network instanceof SwavModel || this.#network instanceof PawsClassifier
      ? 'embeddings'
      : 'backbone features';
  }

  /** What `bottleneck` gives. */
  get bottleneckName(): FeatureName {
    return this.#network instanceof DinoModel ? 'bottleneck features' : this.embeddingName;
  }

  /**
   * What the last layer of the network compares with its prototypes, [N, D], rows of unit length: the projection of SwAV and Suave, the
   * bottleneck of DINO's head, the embedding of PAWS; of other networks the backbone's features.
   */
  bottleneck(images: Tensor): Tensor {
    const network = this.#network;
    if (!(network instanceof DinoModel)) return this.embeddings(images);
    return scope(() => network.head.bottleneck(network.backbone.forward(images)));
  }

  /**
   * Prototypes in the space of `bottleneck`, float32 [K, D] on the CPU, rows of unit length: those of SwAV and Suave, the last layer of DINO
   * and Daino, the rows of a linear classifier on the backbone's features (what a class is most alike, method specification 9.5 (b)); null
   * for networks without. A new tensor.
   */
  prototypes(): Tensor | null {
    const network = this.#network;
    const unit = (weight: Tensor): Tensor =>
      noGrad(() => scope(() => normalizedRows(atLeastFloat32(weight)).to('float32').cpu()));
    if (network instanceof DinoModel) return unit(network.head.last_layer.weight_v);
    if (network instanceof SwavModel && network.prototypeWeights.length > 0) return unit(network.prototypeWeights[0]);
    if (network instanceof LinearClassifier && network.features === null) return unit(network.fc.weight);
    return null;
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
