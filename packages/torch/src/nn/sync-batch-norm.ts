/** @file Batch norm over the batches of all processes of a group. Legend: N rows or images of this process, C channels. */
import type { Collective, NativeCollective } from '../distributed/collective.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { handlesOf } from '../handle-list.js';
import { native } from '../native.js';
import { type Tensor, wrap } from '../tensor.js';
import { BatchNorm, type BatchNormOptions } from './batch-norm.js';
import type { Module } from './module.js';
import { shapeText } from './sizes.js';

/** Options of {@link SyncBatchNorm}. */
export interface SyncBatchNormOptions extends BatchNormOptions {
  /** The processes whose batches count as one; every one of them calls `forward` and `backward` of the layer equally often. */
  readonly group: Collective;
}

function nativeGroup(group: Collective): number {
  if ('nativeGroup' in group) return (group as NativeCollective).nativeGroup;
  throw new ArgumentError(
    `SyncBatchNorm: expected a group of the addon for ${group.worldSize} processes, got ${group.constructor.name}. Use GlooGroup.`,
  );
}

/**
 * Batch norm whose statistics and gradients are those of the batches of all processes joined (PyTorch's
 * nn.SyncBatchNorm): [N, C, …] → the same shape. The batches may differ in N, and one may be empty. Gradients of weight
 * and bias are this process's share: their sum over the processes is the joined batch's gradient. In evaluation, and in a
 * group of one, it is an ordinary batch norm and nothing is sent.
 *
 * Second derivatives are refused. It blocks until the other processes have come as far, forward and backward.
 */
export class SyncBatchNorm extends BatchNorm {
  readonly #group: Collective;

  /** @throws ArgumentError without a group, or with one of several processes that the addon does not know */
  constructor(numFeatures: number, given: SyncBatchNormOptions) {
    const { group, ...options } = given ?? {};
    if (group === undefined)
      throw new ArgumentError(
        'SyncBatchNorm: expected a group in the options. Use new SingleProcess() for one process.',
      );
    super(numFeatures, options);
    this.#group = group;
    if (group.worldSize > 1) nativeGroup(group);
  }

  protected checkShape(shape: readonly number[]): void {
    if (shape.length < 2) throw new ShapeError(`SyncBatchNorm: expected [N, C, …], got ${shapeText(shape)}.`);
  }

  override forward(x: Tensor): Tensor {
    if (!this.training || this.#group.worldSize === 1) return super.forward(x);
    const { shape } = x;
    this.checkShape(shape);
    if (shape[1] !== this.numFeatures)
      throw new ShapeError(
        `SyncBatchNorm: expected ${this.numFeatures} channels in dimension 1, got ${shapeText(shape)}.`,
      );
    const momentum = this.countBatch();
    const tensors = handlesOf([x, this.weight, this.bias, this.running_mean, this.running_var]);
    return wrap(native.syncBatchNorm(nativeGroup(this.#group), tensors, momentum, this.eps));
  }

  /**
   * Puts synchronized batch norms in the place of all batch norms of a module (PyTorch's convert_sync_batchnorm). They take
   * over the tensors, so the keys stay, and so do optimizers and lists of parameters made before.
   * @param module  changed in place; references to its batch norms held elsewhere still lead to the old ones
   * @returns       the module; a new one if it is a batch norm itself
   */
  static convert(module: BatchNorm, group: Collective): SyncBatchNorm;
  static convert<T extends Module>(module: T, group: Collective): T;
  static convert(module: Module, group: Collective): Module {
    const converted = new Map<BatchNorm, SyncBatchNorm>();
    const replacement = (layer: BatchNorm): SyncBatchNorm => {
      const made = converted.get(layer) ?? SyncBatchNorm.#from(layer, group);
      converted.set(layer, made);
      return made;
    };
    if (module instanceof BatchNorm) return replacement(module);
    for (const parent of module.modules()) {
      for (const [name, child] of parent.namedChildren()) {
        if (child instanceof BatchNorm) (parent as unknown as Record<string, Module>)[name] = replacement(child);
      }
    }
    return module;
  }

  static #from(layer: BatchNorm, group: Collective): SyncBatchNorm {
    const { numFeatures, eps, momentum, affine, trackRunningStats, training } = layer;
    const made = new SyncBatchNorm(numFeatures, { eps, momentum, affine, trackRunningStats, group });
    made.dispose();
    made.weight = layer.weight;
    made.bias = layer.bias;
    made.running_mean = layer.running_mean;
    made.running_var = layer.running_var;
    made.num_batches_tracked = layer.num_batches_tracked;
    made.training = training;
    return made;
  }
}
