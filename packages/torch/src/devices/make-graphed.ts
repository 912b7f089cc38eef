/** @file A step as a CUDA graph: warmed up, captured, and called like the function it was. */
import { noGrad } from '../autograd/index.js';
import { ArgumentError, ShapeError } from '../errors.js';
import { clone, copy_, detach } from '../generated/operators.js';
import { native } from '../native.js';
import { keep, scope } from '../scope.js';
import { Tensor, wrap } from '../tensor.js';
import { requireCuda } from './availability.js';
import { Graph, type GraphPool } from './graph.js';
import { currentStream, Stream, withStream } from './stream.js';

/** What a step for {@link makeGraphed} may return. */
export type GraphedResult = Tensor | readonly Tensor[] | Readonly<Record<string, Tensor>> | undefined;

/** A step that replays a graph. Each call writes its results into the same tensors: read or copy them before the next one. */
export interface Graphed<I extends readonly Tensor[], O extends GraphedResult> {
  /** Copies the inputs to where the graph reads, replays it and returns its results. The host does not wait. */
  (...inputs: I): O;
  readonly graph: Graph;
  /** Frees the graph, its inputs and its results; doing it twice is harmless. */
  dispose(): void;
  [Symbol.dispose](): void;
}

/** How {@link makeGraphed} goes about it. */
export interface GraphedOptions {
  /** Runs before the capture, each with all its effects; at least 1, 3 by default: kernels are chosen, optimizer state is made. */
  readonly warmup?: number;
  /** Memory of another graph to share: see `CaptureOptions.pool`. */
  readonly pool?: GraphPool;
}

/** The result with each tensor replaced by a handle of its own, which is the graph's to free. */
function ownHandles<O extends GraphedResult>(result: O, into: Tensor[]): O {
  const own = (tensor: Tensor): Tensor => {
    const alias = keep(wrap(native.alias(tensor.handle)));
    into.push(alias);
    return alias;
  };
  if (result === undefined) return result;
  if (result instanceof Tensor) return own(result) as O;
  if (Array.isArray(result)) return (result as readonly Tensor[]).map(own) as unknown as O;
  return Object.fromEntries(
    Object.entries(result as Record<string, Tensor>).map(([key, tensor]) => [key, own(tensor)]),
  ) as O;
}

/**
 * Makes a CUDA graph of a step (PyTorch `torch.cuda.make_graphed_callables`, for a whole step): warms up on a side stream,
 * captures, and returns a function that replays.
 *
 * Differs: the step is captured as a whole; a training step does its own `backward` and optimizer update inside, and gradients
 * do not flow from the results to the inputs. The warm-up runs are real: parameters move. Set gradients to null in the step
 * before `backward`, or before the capture, as for `Graph.capture`.
 * @param step          works on its inputs and on tensors that live longer than the graph; synchronous
 * @param sampleInputs  CUDA tensors with the shapes and dtypes of all later inputs; kept, not modified
 * @throws DeviceError without CUDA; ArgumentError when a sample is not on CUDA, or `warmup` is below 1
 * @example
 * using trainStep = cuda.makeGraphed((x, y) => { … return loss; }, [images, labels]);
 * for (const batch of batches) trainStep(batch.images, batch.labels);
 */
export function makeGraphed<const I extends readonly Tensor[], O extends GraphedResult>(
  step: (...inputs: I) => O,
  sampleInputs: I,
  options: GraphedOptions = {},
): Graphed<I, O> {
  const { warmup = 3, pool } = options;
  requireCuda('cuda.makeGraphed');
  if (!Number.isInteger(warmup) || warmup < 1)
    throw new ArgumentError(
      `cuda.makeGraphed: expected a warm-up of 1 run or more, got ${warmup}. Leave it out for 3.`,
    );
  for (const [i, input] of sampleInputs.entries())
    if (!input.device.startsWith('cuda'))
      throw new ArgumentError(
        `cuda.makeGraphed: expected input ${i} on cuda, got it on ${input.device}. Give samples on the device; later inputs may be on the cpu.`,
      );
  const statics = scope(() => noGrad(() => sampleInputs.map((input) => keep(clone(detach(input))))));
  const owned: Tensor[] = [...statics];
  const graph = new Graph();
  const dispose = () => {
    graph.dispose();
    for (const tensor of owned) tensor.dispose();
  };
  let outputs: O;
  try {
    const main = currentStream();
    const side = new Stream({ device: main.deviceIndex });
    side.waitStream(main);
    withStream(side, () => {
      for (let run = 0; run < warmup; run++)
        scope(() => {
          step(...(statics as unknown as I));
        });
    });
    main.waitStream(side);
    outputs = graph.capture(
      () => ownHandles(step(...(statics as unknown as I)), owned),
      pool === undefined ? {} : { pool },
    );
  } catch (error) {
    dispose();
    throw error;
  }
  const call = (...inputs: I): O => {
    if (inputs.length !== statics.length)
      throw new ArgumentError(
        `graphed step: expected ${statics.length} inputs, got ${inputs.length}. Give those of the capture.`,
      );
    noGrad(() => {
      for (const [i, place] of statics.entries()) {
        const input = inputs[i] as Tensor;
        if (input.dtype !== place.dtype || input.shape.join() !== place.shape.join())
          throw new ShapeError(
            `graphed step: expected input ${i} as ${place.dtype}[${place.shape.join(', ')}], got ${input.dtype}[${input.shape.join(', ')}]. ` +
              'A graph works on the shapes of its capture: pad the batch, or make another graph.',
          );
      }
      for (const [i, place] of statics.entries()) copy_(place, inputs[i] as Tensor, { nonBlocking: true });
    });
    graph.replay();
    return outputs;
  };
  return Object.assign(call, { graph, dispose, [Symbol.dispose]: dispose });
}
