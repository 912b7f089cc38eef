/**
 * @file Loss scaling for float16: small gradients are kept from vanishing, overflowing steps are not taken. Nothing here
 * waits for the device: scale, flags and the decision to skip a step stay on it.
 */
import { gradientsOf } from '../autograd/gradients.js';
import { noGrad } from '../autograd/index.js';
import { ArgumentError, CaptureError } from '../errors.js';
import { copy_, full, maximum, mul, to, zeros } from '../generated/operators.js';
import { native } from '../native.js';
import { keep, scope } from '../scope.js';
import { CheckpointError } from '../serialization/checkpoint-error.js';
import type { Tensor } from '../tensor.js';
import { demand } from './groups.js';
import { unscaleAndCheck_, updateScale_ } from './loss-scale.js';
import type { Optimizer, StepOptions } from './optimizer.js';

/** Options of {@link GradScaler}; defaults are PyTorch's. */
export interface GradScalerOptions {
  /** Above 0; default 65536. */
  readonly initScale?: number;
  /** The scale is multiplied by it after `growthInterval` steps in a row without overflow; above 1, default 2. */
  readonly growthFactor?: number;
  /** The scale is multiplied by it after a step that overflowed; from above 0 to below 1, default 0.5. */
  readonly backoffFactor?: number;
  /** A whole number of 1 or more; default 2000. */
  readonly growthInterval?: number;
  /** Switched off, losses are not scaled and steps always taken, so that one program serves every precision. Default true. */
  readonly enabled?: boolean;
}

/** What one optimizer has been through since the last `update()`. */
interface Progress {
  readonly foundInf: Tensor;
  stepped: boolean;
}

/**
 * Scales losses so that float16 gradients neither vanish nor overflow (PyTorch `torch.amp.GradScaler`). A step with a
 * gradient that is infinite or no number leaves parameters, optimizer state and step counts as they are, bit for bit, and the
 * scale falls. Schedules, averages and counters outside the optimizer go on as if the step had been taken: the host does not
 * know that it was not.
 *
 * In a CUDA graph capture `scale`, `backward`, `unscale_`, `step` and `update` together: each replay then scales, decides and moves the
 * scale by itself, on the device, and this object is as it was between steps. Take a step before the capture (it makes the scale and
 * the optimizer's state), and set a scale or load a state between replays at will: they stay in the same memory. Counting optimizers
 * must be `capturable`.
 * @example
 * scaler.scale(loss).backward();
 * scaler.unscale_(optimizer); // only where gradients are looked at before the step, as by clipping
 * clipGradNorm_(model.parameters(), 1);
 * scaler.step(optimizer);
 * scaler.update();
 * optimizer.zeroGrad();
 */
export class GradScaler {
  /** Whether it does anything. */
  readonly enabled: boolean;
  readonly #options: Required<Omit<GradScalerOptions, 'enabled'>>;
  /** One float32 and one int32, on the device of the first loss. */
  #scale: Tensor | null = null;
  #tracker: Tensor | null = null;
  /** Optimizers whose parameters' dtypes were looked at. */
  readonly #checked = new WeakSet<Optimizer>();
  readonly #progress = new Map<Optimizer, Progress>();

  constructor(options: GradScalerOptions = {}) {
    const {
      initScale = 65_536,
      growthFactor = 2,
      backoffFactor = 0.5,
      growthInterval = 2000,
      enabled = true,
    } = options;
    demand(initScale > 0 && Number.isFinite(initScale), 'GradScaler', 'an initScale above 0', initScale);
    demand(growthFactor > 1, 'GradScaler', 'a growthFactor above 1', growthFactor);
    demand(backoffFactor > 0 && backoffFactor < 1, 'GradScaler', 'a backoffFactor between 0 and 1', backoffFactor);
    const whole = Number.isInteger(growthInterval) && growthInterval >= 1;
    demand(whole, 'GradScaler', 'a growthInterval of 1 or more', growthInterval);
    this.enabled = enabled;
    this.#options = { initScale, growthFactor, backoffFactor, growthInterval };
  }

  /** The loss times the scale; a list one by one. Switched off, the loss itself. */
  scale(loss: Tensor): Tensor;
  scale(losses: readonly Tensor[]): Tensor[];
  scale(losses: Tensor | readonly Tensor[]): Tensor | Tensor[] {
    if (Array.isArray(losses)) return (losses as readonly Tensor[]).map((loss) => this.scale(loss));
    const loss = losses as Tensor;
    if (!this.enabled) return loss;
    const { scale } = this.#ready(loss.device);
    return mul(loss, loss.device === scale.device ? scale : to(scale, loss, { nonBlocking: true }));
  }

  /**
   * Divides the gradients of an optimizer's parameters by the scale, in place, and notes whether one is not finite. `step`
   * does it where it was not done; call it before looking at gradients, after the last backward of an accumulation.
   * @throws ArgumentError when it was done since the last `update()`, or the gradients are float16
   */
  unscale_(optimizer: Optimizer): void {
    if (!this.enabled) return;
    const progress = this.#progress.get(optimizer);
    if (progress !== undefined)
      throw new ArgumentError(
        `GradScaler.unscale_: expected an optimizer once between two updates, got one that was ${progress.stepped ? 'stepped' : 'unscaled'} already. Call update() after the steps.`,
      );
    this.#unscale(optimizer);
  }

  #unscale(optimizer: Optimizer): Progress {
    const params = optimizer.paramGroups.flatMap((group) => [...group.params]);
    if (!this.#checked.has(optimizer)) {
      if (params.some((param) => param.dtype === 'float16'))
        throw new ArgumentError(
          'GradScaler.unscale_: expected gradients of float32, got float16 ones, which overflow when unscaled. Keep the parameters in float32 and use autocast.',
        );
      this.#checked.add(optimizer);
    }
    const { scale } = this.#ready(params[0]!.device);
    const foundInf = scope(() =>
      noGrad(() => {
        const gradients = gradientsOf(params).filter((gradient): gradient is Tensor => gradient !== null);
        return keep(unscaleAndCheck_(gradients, scale));
      }),
    );
    const progress = { foundInf, stepped: false };
    this.#progress.set(optimizer, progress);
    return progress;
  }

  /**
   * `optimizer.step()` that the device leaves out where a gradient was not finite.
   * @param options  `undo` as of the optimizer's step
   * @throws ArgumentError when it was called since the last `update()`
   */
  step(optimizer: Optimizer, options: Pick<StepOptions, 'undo'> = {}): void {
    if (!this.enabled) {
      optimizer.step();
      return;
    }
    const progress = this.#progress.get(optimizer) ?? this.#unscale(optimizer);
    if (progress.stepped)
      throw new ArgumentError(
        'GradScaler.step: expected an optimizer once between two updates, got one that was stepped already. Call update() after the steps.',
      );
    progress.stepped = true;
    optimizer.step({ skip: progress.foundInf, ...options });
  }

  /**
   * Moves the scale after the steps of all optimizers: down where one of them overflowed, up after enough that did not.
   * @param newScale  sets the scale instead
   * @throws ArgumentError when no optimizer was unscaled or stepped since the last one
   */
  update(newScale?: number): void {
    if (!this.enabled) return;
    if (newScale !== undefined) demand(newScale > 0, 'GradScaler.update', 'a scale above 0', newScale);
    else if (this.#progress.size === 0)
      throw new ArgumentError('GradScaler.update: expected a step before, got none. Call step(optimizer) first.');
    scope(() =>
      noGrad(() => {
        const { scale, tracker } = this.#ready('cpu');
        if (newScale !== undefined) {
          scale.fill_(newScale);
        } else {
          const flags = [...this.#progress.values()].map(({ foundInf }) => foundInf);
          const found = flags.length === 1 ? flags[0]! : flags.reduce((a, b) => maximum(a, to(b, a)));
          updateScale_(scale, tracker, found, this.#options);
        }
      }),
    );
    for (const { foundInf } of this.#progress.values()) foundInf.dispose();
    this.#progress.clear();
  }

  /** The scale, or 1 when switched off. Waits for the device: for logs now and then, not for every step. */
  getScale(): number {
    if (!this.enabled) return 1;
    return this.#scale === null ? this.#options.initScale : this.#scale.item();
  }

  /** Whether the last gradients of an optimizer overflowed, one float32 on the device (0 or 1), or null before they were unscaled. */
  foundInf(optimizer: Optimizer): Tensor | null {
    return this.#progress.get(optimizer)?.foundInf ?? null;
  }

  /** Live tensors for a checkpoint: `scale` [] float32 and `growth_tracker` [] int32; none when switched off. */
  state(): Map<string, Tensor> {
    if (!this.enabled) return new Map();
    const { scale, tracker } = this.#ready('cpu');
    return new Map([
      ['scale', scale],
      ['growth_tracker', tracker],
    ]);
  }

  /** Takes over copies of a state; the factors are those of this scaler. @throws CheckpointError when a tensor is missing */
  loadState(state: ReadonlyMap<string, Tensor>): void {
    if (!this.enabled) return;
    const [scale, tracker] = [state.get('scale'), state.get('growth_tracker')];
    if (scale?.numel !== 1 || tracker?.numel !== 1)
      throw new CheckpointError(
        'ERR_CHECKPOINT_KEYS',
        `GradScaler.loadState: expected "scale" and "growth_tracker" of one element, got ${[...state.keys()].join(', ') || 'none'}. Load the state of a GradScaler that was enabled.`,
        { missing: ['scale', 'growth_tracker'].filter((name) => !state.has(name)) },
      );
    const own = this.#ready(scale.device);
    noGrad(() => {
      copy_(own.scale, scale);
      copy_(own.tracker, tracker);
    });
  }

  /** Frees its tensors; the scale starts again. */
  dispose(): void {
    for (const tensor of [this.#scale, this.#tracker]) tensor?.dispose();
    for (const { foundInf } of this.#progress.values()) foundInf.dispose();
    this.#progress.clear();
    this.#scale = null;
    this.#tracker = null;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Scale and tracker, made on `device` at first use; those of a loaded state move from the CPU to the first accelerator. */
  #ready(device: string): { scale: Tensor; tracker: Tensor } {
    const [scale, tracker] = [this.#scale, this.#tracker];
    const fits = scale !== null && (device === 'cpu' || scale.device !== 'cpu');
    if (!fits && native.isCapturing())
      throw new CaptureError(
        'GradScaler: expected its scale on the device before a capture, got the first loss in one. Take a step before.',
      );
    if (scale === null || tracker === null) {
      this.#scale = keep(full([], this.#options.initScale, { dtype: 'float32', device }));
      this.#tracker = keep(zeros([], { dtype: 'int32', device }));
    } else if (device !== 'cpu' && scale.device === 'cpu') {
      this.#scale = keep(to(scale, { device }));
      this.#tracker = keep(to(tracker, { device }));
      scale.dispose();
      tracker.dispose();
    } else {
      return { scale, tracker };
    }
    return { scale: this.#scale, tracker: this.#tracker };
  }
}
