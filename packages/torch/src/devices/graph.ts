/**
 * @file CUDA graphs: the work of a function is captured once and then given to the device in one piece, again and again,
 * which takes the host's time for every single operator out of a step.
 */
import { ArgumentError, CaptureError } from '../errors.js';
import type { Generator } from '../generator.js';
import { native } from '../native.js';
import { scope } from '../scope.js';
import { features, requireCuda } from './availability.js';
import { synchronize } from './device.js';
import { emptyCache } from './memory.js';
import { currentStream, Stream, withStream } from './stream.js';

/** Names the private memory of a graph, for other graphs to share: see {@link Graph.pool}. */
export interface GraphPool {
  /** @internal */
  readonly id: readonly [first: number, second: number];
}

/** How to capture a graph. */
export interface CaptureOptions {
  /**
   * Memory of another graph to share. It saves memory, and is safe when the graphs are replayed in the order in which they were
   * captured, and nothing that one computed is read after the next has run.
   */
  readonly pool?: GraphPool;
  /** The stream to capture on; not the default one. One that is used for nothing else by default. */
  readonly stream?: Stream;
  /**
   * What refuses calls that cannot be captured (waiting, new device memory): `global` those of any thread, `threadLocal` those of
   * this one, `relaxed` none. Use `threadLocal` when worker threads use the device meanwhile. `global` by default.
   */
  readonly captureErrorMode?: 'global' | 'threadLocal' | 'relaxed';
}

const MODES = { global: 0, threadLocal: 1, relaxed: 2 } as const;

/** The stream of captures for each device of this thread. */
const captureStreams = new Map<number, Stream>();

function captureStream(): Stream {
  const { deviceIndex } = currentStream();
  const known = captureStreams.get(deviceIndex) ?? new Stream({ device: deviceIndex });
  captureStreams.set(deviceIndex, known);
  return known;
}

/** Whether this thread is capturing a graph (PyTorch `torch.cuda.is_current_stream_capturing`); false without CUDA. */
export function isCurrentStreamCapturing(): boolean {
  return native.isCapturing();
}

const finalization = new FinalizationRegistry<number>((id) => native.graphDispose(id));

/**
 * A captured piece of work (PyTorch `torch.cuda.CUDAGraph`). A replay runs the same kernels on the same memory: give it new
 * input by writing into the tensors that the captured function read (`copy_`), and read what it returned. Numbers of JavaScript
 * that went into operators are those of the capture for ever: what changes from step to step must be in a tensor, as optimizers and
 * averages take rates and momenta, and be set between replays (`rate.fill_(0.05)`).
 *
 * Random numbers of the device's own generator are drawn anew at every replay, from where the generator is then. `manualSeed` before
 * a replay gives that replay the numbers that the same work would draw outside a graph after the same `manualSeed`, and the replays
 * and steps after it go on from there (libtorch 2.0 and later; before, the seed stayed that of the capture). Seeding inside a capture is refused.
 *
 * Before the capture run the function a few times on another stream, so that libraries have chosen their kernels and the
 * optimizer has made its state; `makeGraphed` does all of this.
 * @example
 * const graph = new cuda.Graph();
 * const loss = keep(graph.capture(() => trainStep(images, labels)));
 * for (const batch of batches) {
 *   images.copy_(batch.images, { nonBlocking: true });
 *   labels.copy_(batch.labels, { nonBlocking: true });
 *   graph.replay();
 * }
 */
export class Graph {
  readonly #id: number;
  #captured = false;

  /** @throws DeviceError without CUDA, or without `features().graphs` */
  constructor() {
    requireCuda('cuda.Graph');
    this.#id = native.graphNew();
    finalization.register(this, this.#id, this);
  }

  /** Whether there is something to replay. */
  get isCaptured(): boolean {
    return this.#captured;
  }

  /**
   * Runs `body` without computing: what it gives to the device is captured. All of it must be on the device: waiting, reading
   * back (`item`, `data`), copies from memory that is not pinned, and sizes that depend on values are refused.
   *
   * Tensors made inside live in memory of the graph's own. Those that `body` does not return are freed at its end, as by `scope`;
   * their memory is used again within the graph only. Those that it returns belong to the scope around the call, and each replay
   * writes them anew. Gradients that `backward` makes inside are the graph's too: set them to null before the capture, not between
   * replays.
   *
   * When `body` throws, or CUDA breaks the capture off, the exception comes out, the graph is empty again and its memory goes back to
   * the allocator; everything else goes on, the random generators too.
   * @throws CaptureError inside another capture, or when `body` did what cannot be captured; ArgumentError when something is
   *   captured already, `stream` is the default one, or `body` returns a promise
   */
  capture<T>(body: () => T, options: CaptureOptions = {}): T {
    if (native.isCapturing())
      throw new CaptureError(
        'Graph.capture: a CUDA graph is being captured already. Capture one after the other, sharing a pool if need be.',
      );
    if (this.#captured)
      throw new ArgumentError(
        'Graph.capture: the graph holds captured work already. Call reset() first, or make another.',
      );
    const stream = options.stream ?? captureStream();
    if (stream.id === 0)
      throw new ArgumentError(
        'Graph.capture: the default stream cannot be captured. Give another one, or none; a replay may run on any.',
      );
    const [first, second] = options.pool?.id ?? [0, 0];
    synchronize(stream.deviceIndex);
    if (features().memoryStatistics) emptyCache();
    return withStream(stream, () => {
      native.graphBegin(this.#id, first, second, MODES[options.captureErrorMode ?? 'global']);
      return scope(() => {
        let result: T;
        try {
          result = scope(body);
        } catch (error) {
          this.#abandon();
          throw error;
        }
        try {
          native.graphEnd(this.#id);
        } catch (error) {
          native.graphReset(this.#id);
          throw error;
        }
        this.#captured = true;
        return result;
      });
    });
  }

  /** Ends a capture whose body failed. */
  #abandon(): void {
    try {
      native.graphEnd(this.#id);
    } catch {
      // What failed in the body has spoiled the capture; its own exception says more.
    }
    native.graphReset(this.#id);
  }

  /** Gives the captured work to the current stream, after what it was given before. The host does not wait. @throws ArgumentError when nothing is captured */
  replay(): void {
    if (!this.#captured) throw new ArgumentError('Graph.replay: nothing is captured. Call capture() first.');
    native.graphReplay(this.#id);
  }

  /** The graph's memory, for the `pool` option of other captures. @throws ArgumentError when nothing is captured */
  pool(): GraphPool {
    if (!this.#captured) throw new ArgumentError('Graph.pool: nothing is captured. Call capture() first.');
    return { id: native.graphPool(this.#id) };
  }

  /** Advances the random numbers of a generator at every replay; to be called before the capture that uses it. @throws DeviceError where this libtorch cannot */
  registerGenerator(generator: Generator): void {
    native.graphRegisterGenerator(this.#id, generator.id);
  }

  /** Frees what was captured, and its memory when no tensor uses it any more; then another capture can be made. */
  reset(): void {
    if (native.isCapturing())
      throw new CaptureError('Graph.reset: a CUDA graph is being captured. Move it out of the captured function.');
    native.graphReset(this.#id);
    this.#captured = false;
  }

  /** Frees the graph; doing it twice is harmless. */
  dispose(): void {
    finalization.unregister(this);
    native.graphDispose(this.#id);
    this.#captured = false;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
