/** @file Checkpointing: memory for time, by recomputing in the backward pass what the forward pass would have held. */
import { ArgumentError } from '../errors.js';
import { type HandleList, handlesOf } from '../handle-list.js';
import { native } from '../native.js';
import { scope } from '../scope.js';
import { refusePromise } from '../synchronous.js';
import { Tensor, wrapOptional } from '../tensor.js';
import { isGradEnabled } from './modes.js';

/** What a checkpointed body can give: one tensor or a list of them. */
export type CheckpointResult = Tensor | readonly Tensor[];

/** How a body is recomputed. */
export interface CheckpointOptions {
  /**
   * Draw the same random numbers at the recomputation, of the default generators of every device in use; true by default. False
   * spares reading their state, which cannot be done while a CUDA graph is captured.
   */
  preserveRngState?: boolean;
}

function tensorsOf(result: CheckpointResult): readonly Tensor[] {
  const list = (Array.isArray(result) ? result : [result]) as readonly Tensor[];
  for (const tensor of list)
    if (!(tensor instanceof Tensor))
      throw new ArgumentError(
        'checkpoint: expected a body that returns a Tensor or a list of them. Return what needs gradients, alone or in an array.',
      );
  return list;
}

/** As `checkpoint`, with options in front. */
export function checkpointWith<Inputs extends readonly unknown[], Result extends CheckpointResult>(
  options: CheckpointOptions,
  body: (...inputs: Inputs) => Result,
  ...inputs: Inputs
): Result {
  if (!isGradEnabled()) return scope(() => refusePromise(body(...inputs), 'checkpoint'));
  const places = [...inputs.keys()].filter((i) => inputs[i] instanceof Tensor);
  const held = places.map((i) => inputs[i] as Tensor);
  // The graph holds the tensors; what else was passed is passed again.
  const others = inputs.map((input) => (input instanceof Tensor ? null : input));
  const recompute = () => {
    scope(() => {
      const again = others.slice();
      for (const [k, handle] of native.checkpointInputs().entries()) again[places[k]!] = wrapOptional(handle);
      native.checkpointDeliver(handlesOf(tensorsOf(body(...(again as unknown as Inputs)))));
    });
  };
  return scope(() => {
    native.checkpointBegin(handlesOf(held), options.preserveRngState ?? true);
    let outputs: HandleList;
    let single = false;
    try {
      const result = refusePromise(body(...inputs), 'checkpoint');
      single = result instanceof Tensor;
      outputs = handlesOf(tensorsOf(result));
    } catch (error) {
      native.checkpointAbort();
      throw error;
    }
    const attached = native.checkpointEnd(outputs, recompute).map((handle) => wrapOptional(handle) as Tensor);
    return (single ? attached[0] : attached) as unknown as Result;
  });
}

/**
 * Runs `body` without keeping what its backward needs: the backward pass runs `body` once more, and goes on from there (PyTorch
 * `torch.utils.checkpoint`). Gradients are the same bits, of inputs and of every parameter that `body` uses, by `backward` and
 * by `grad`, higher derivatives included; checkpoints nest. Tensors that `body` makes are freed at once, those it returns live on.
 *
 * `body` must do the same each time; it is called again inside `backward`, so what it captures must still be alive then, while
 * `inputs` are held. Automatic casting and random numbers are as at first. Effects happen twice: running statistics of batch
 * norms move twice a step. Without recording it is a plain call.
 * @param inputs  given to `body`; tensors at top level are held by the graph
 * @returns what `body` returns: one tensor or an array of them
 * @throws TorchError from `backward` when the recomputation gives another number of tensors, shape or dtype, or uses other
 *   parameters; what `body` throws comes out of `backward` as it is
 * @example const y = checkpoint((x) => block.forward(x), x);
 */
export function checkpoint<Inputs extends readonly unknown[], Result extends CheckpointResult>(
  body: (...inputs: Inputs) => Result,
  ...inputs: Inputs
): Result {
  return checkpointWith({}, body, ...inputs);
}

/** A part of a chain: a function, or a module. */
export type CheckpointLayer = ((x: Tensor) => Tensor) | { forward(x: Tensor): Tensor };

/**
 * Runs a chain of layers in segments of equal length, each but the last checkpointed (PyTorch
 * `torch.utils.checkpoint.checkpoint_sequential`): the memory of about `layers / segments` layers and `segments` tensors.
 * @param segments  from 1 to the number of layers; the square root of that number takes the least memory
 * @throws ArgumentError when `segments` is out of range
 */
export function checkpointSequential(
  layers: Iterable<CheckpointLayer>,
  segments: number,
  x: Tensor,
  options: CheckpointOptions = {},
): Tensor {
  const chain = [...layers];
  if (!Number.isInteger(segments) || segments < 1 || segments > chain.length)
    throw new ArgumentError(`checkpointSequential: expected 1 to ${chain.length} segments, got ${segments}`);
  const run = (part: readonly CheckpointLayer[]) => (input: Tensor) =>
    part.reduce((value, layer) => (typeof layer === 'function' ? layer(value) : layer.forward(value)), input);
  const size = Math.floor(chain.length / segments);
  let value = x;
  for (let i = 0; i < segments - 1; i++)
    value = checkpointWith(options, run(chain.slice(i * size, (i + 1) * size)), value);
  return run(chain.slice((segments - 1) * size))(value);
}
