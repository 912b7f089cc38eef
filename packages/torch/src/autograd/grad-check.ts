/**
 * @file Gradients against finite differences, of the first and of the second order.
 *
 * A complex tensor counts as twice as many real elements: its real and imaginary parts are moved one after the other.
 */
import type { DType } from '../dtype.js';
import { ArgumentError, GradCheckError } from '../errors.js';
import { randn } from '../generated/operators.js';
import { Generator } from '../generator.js';
import { scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { asList, grad, type OneOrMany } from './gradients.js';
import { enableGrad, noGrad } from './modes.js';

/** A function of tensors whose gradients are checked; it gives the same values each time it is called. */
export type Differentiable = (...inputs: Tensor[]) => OneOrMany<Tensor>;

/** How closely gradients are checked; the defaults are PyTorch's. */
export interface GradCheckOptions {
  /** Step of the differences, > 0; 1e-6 suits float64. */
  eps?: number;
  /** Absolute difference allowed; 1e-5. */
  atol?: number;
  /** Difference allowed relative to the numerical value; 1e-3. */
  rtol?: number;
  /** Absolute difference allowed between two backward passes over the same graph; 0. */
  nondetTol?: number;
  /** Throw when the check fails, the default; otherwise the result is false. */
  raiseException?: boolean;
}

/** The same entry by two ways. */
interface Mismatch {
  readonly output: number;
  readonly input: number;
  readonly row: number;
  readonly column: number;
  readonly numerical: number;
  readonly analytical: number;
}

/** Derivatives of one output by one input, [elements of the output][elements of the input]. */
type Jacobian = Float64Array[];

interface Setting {
  readonly where: string;
  readonly body: Differentiable;
  readonly inputs: readonly Tensor[];
  /** Positions of the inputs that are differentiated. */
  readonly active: readonly number[];
  readonly options: Required<GradCheckOptions>;
}

const isFloating = (dtype: string) => /^(float|bfloat|complex)/.test(dtype);
const isComplex = (tensor: Tensor) => (tensor.dtype as string).startsWith('complex');
const realElements = (tensor: Tensor) => tensor.numel * (isComplex(tensor) ? 2 : 1);
const asReal = (tensor: Tensor) => (isComplex(tensor) ? tensor.resolveConj().viewAsReal() : tensor);

/** The elements as float64, a copy. */
function elementsOf(tensor: Tensor): Float64Array {
  return noGrad(() => scope(() => asReal(tensor.detach()).to('float64').data() as Float64Array));
}

/** Position of a flat element, e.g. `[1, 2]`, `[1, 2].imag`. */
function place(tensor: Tensor, flat: number): string {
  const complex = isComplex(tensor);
  let rest = complex ? Math.floor(flat / 2) : flat;
  const indices: number[] = [];
  for (const size of tensor.shape.slice().reverse()) {
    indices.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return `[${indices.join(', ')}]${complex ? (flat % 2 === 0 ? '.real' : '.imag') : ''}`;
}

/** The outputs of one call; integers have no derivatives and are left out. */
function outputsOf({ where, body, inputs }: Setting): Tensor[] {
  const outputs = asList(body(...inputs)).filter((output) => isFloating(output.dtype));
  if (outputs.length === 0)
    throw new ArgumentError(
      `${where}: expected a function with an output of floating point, got none. Return the tensor.`,
    );
  return outputs;
}

/** Backward through each element of `output`: one Jacobian for each active input. */
function analytical({ inputs, active }: Setting, output: Tensor): Jacobian[] {
  const wanted = active.map((position) => inputs[position]!);
  const jacobians: Jacobian[] = wanted.map(() => []);
  if (!output.requiresGrad) {
    const zeros = (input: Tensor) =>
      Array.from({ length: realElements(output) }, () => new Float64Array(realElements(input)));
    return wanted.map(zeros);
  }
  const real = asReal(output);
  for (let row = 0; row < real.numel; row++)
    scope(() => {
      const seed = real.detach().zerosLike().contiguous();
      const bytes = new Uint8Array(seed.numel * seed.itemSize);
      new Float64Array(bytes.buffer)[row] = 1;
      seed.setBytes_(bytes);
      const gradients = grad(real, wanted, { gradOutputs: [seed], retainGraph: true, allowUnused: true });
      for (const [i, gradient] of gradients.entries())
        jacobians[i]!.push(gradient === null ? new Float64Array(realElements(wanted[i]!)) : elementsOf(gradient));
    });
  return jacobians;
}

/** Central differences over each element of one input: one Jacobian for each output. */
function numerical(setting: Setting, position: number): Jacobian[] {
  const { inputs, options } = setting;
  const input = inputs[position]!.detach();
  const original = input.bytes();
  const moved = original.slice();
  const elements = new Float64Array(moved.buffer);
  let jacobians: Jacobian[] | undefined;
  try {
    for (let column = 0; column < elements.length; column++) {
      const value = elements[column]!;
      const evaluateAt = (moving: number) => {
        elements[column] = moving;
        input.setBytes_(moved);
        return scope(() => outputsOf(setting).map(elementsOf));
      };
      const [ahead, behind] = [value + options.eps, value - options.eps];
      const [above, below] = [evaluateAt(ahead), evaluateAt(behind)];
      elements[column] = value;
      jacobians ??= above.map((output) => Array.from(output, () => new Float64Array(elements.length)));
      for (const [k, output] of above.entries())
        for (const [row, high] of output.entries())
          jacobians[k]![row]![column] = (high - below[k]![row]!) / (ahead - behind);
    }
  } finally {
    input.setBytes_(original);
  }
  return jacobians ?? [];
}

function compare(setting: Setting, outputs: readonly Tensor[]): { mismatches: Mismatch[]; compared: number } {
  const { active, inputs, options, where } = setting;
  const byBackward = outputs.map((output, k) => {
    const first = analytical(setting, output);
    const second = analytical(setting, output);
    for (const [i, rows] of first.entries())
      for (const [row, values] of rows.entries())
        for (const [column, value] of values.entries())
          if (!(Math.abs(value - second[i]![row]![column]!) <= options.nondetTol) && !Number.isNaN(value))
            throw new GradCheckError(
              `${where}: two backward passes differ for input ${active[i]}, element ${place(inputs[active[i]!]!, column)}, by output ${k}, ` +
                `element ${place(output, row)}: ${value} and ${second[i]![row]![column]}. Make the function deterministic, or set nondetTol.`,
            );
    return first;
  });
  const mismatches: Mismatch[] = [];
  let compared = 0;
  for (const [i, input] of active.entries()) {
    const byDifferences = numerical(setting, input);
    for (const [output, rows] of byDifferences.entries())
      for (const [row, values] of rows.entries())
        for (const [column, numeric] of values.entries()) {
          compared++;
          const exact = byBackward[output]![i]![row]![column]!;
          if (Math.abs(exact - numeric) <= options.atol + options.rtol * Math.abs(numeric)) continue;
          mismatches.push({ output, input, row, column, numerical: numeric, analytical: exact });
        }
  }
  return { mismatches, compared };
}

/** What failed, the worst entry first. */
function report(
  { where, inputs }: Setting,
  outputs: readonly Tensor[],
  mismatches: Mismatch[],
  compared: number,
): string {
  const distance = (entry: Mismatch) => {
    const difference = Math.abs(entry.numerical - entry.analytical);
    return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
  };
  const shown = mismatches.sort((a, b) => distance(b) - distance(a)).slice(0, 5);
  const lines = shown.map(
    (entry) =>
      `  input ${entry.input}, element ${place(inputs[entry.input]!, entry.column)}, by output ${entry.output}, element ` +
      `${place(outputs[entry.output]!, entry.row)}: numerical ${entry.numerical}, analytical ${entry.analytical}`,
  );
  return (
    `${where}: ${mismatches.length} of ${compared} derivatives differ from finite differences, the largest difference first:\n` +
    `${lines.join('\n')}\nMend the backward, or move the inputs from where the function has no derivative; ` +
    'a function that draws random numbers must be seeded inside.'
  );
}

function check(where: string, body: Differentiable, inputs: OneOrMany<Tensor>, options: GradCheckOptions): boolean {
  const { eps = 1e-6, atol = 1e-5, rtol = 1e-3, nondetTol = 0, raiseException = true } = options;
  if (!(eps > 0)) throw new ArgumentError(`${where}: expected eps > 0, got ${eps}`);
  const list = asList(inputs);
  const active = [...list.keys()].filter((i) => list[i]!.requiresGrad);
  if (active.length === 0)
    throw new ArgumentError(
      `${where}: expected an input that requires grad, got none. Set requiresGrad on what is checked.`,
    );
  for (const i of active) {
    const dtype: DType | 'complex128' = list[i]!.dtype;
    if (dtype !== 'float64' && (dtype as string) !== 'complex128')
      throw new ArgumentError(
        `${where}: expected float64 for input ${i}, got ${dtype}. Differences need the precision: use to('float64').`,
      );
  }
  const setting: Setting = {
    where,
    body,
    inputs: list,
    active,
    options: { eps, atol, rtol, nondetTol, raiseException },
  };
  try {
    scope(() =>
      enableGrad(() => {
        const outputs = outputsOf(setting);
        for (const [k, output] of outputs.entries())
          if ((output.dtype as string) !== 'float64' && (output.dtype as string) !== 'complex128')
            throw new ArgumentError(
              `${where}: expected float64 for output ${k}, got ${output.dtype}. Keep the precision of the inputs.`,
            );
        const { mismatches, compared } = compare(setting, outputs);
        if (mismatches.length > 0) throw new GradCheckError(report(setting, outputs, mismatches, compared));
      }),
    );
  } catch (error) {
    if (error instanceof GradCheckError && !raiseException) return false;
    throw error;
  }
  return true;
}

/**
 * Compares the gradients of a function with central finite differences (PyTorch `torch.autograd.gradcheck`): every element of
 * every output by every element of each input that requires grad. An input that does not is passed on as it is; what the
 * function captures, e.g. parameters of a module, is checked when it is among `inputs` too, since inputs are moved in place
 * (and put back).
 * @param body    called with `inputs`, many times; draws no random numbers, or seeds them itself
 * @param inputs  the ones that require grad are float64 (or complex128) leaves, without elements that share memory
 * @returns true when |analytical - numerical| <= atol + rtol |numerical| everywhere; false only without `raiseException`
 * @throws GradCheckError saying which input, which element, and both values
 * @throws ArgumentError when nothing requires grad, or the precision is lower than float64
 * @example gradCheck((x, w) => x.matmul(w).tanh(), [x, w]);
 */
export function gradCheck(body: Differentiable, inputs: OneOrMany<Tensor>, options: GradCheckOptions = {}): boolean {
  return check('gradCheck', body, inputs, options);
}

/**
 * Compares second derivatives with finite differences of the first (PyTorch `torch.autograd.gradgradcheck`): the gradients of
 * `body`, as functions of its inputs and of the incoming gradients, go through `gradCheck`.
 * @param options  `gradOutputs`: incoming gradients, one for each output of floating point; drawn from a fixed seed by default
 * @throws GradCheckError saying which input, which element, and both values; positions beyond the inputs are incoming gradients
 */
export function gradGradCheck(
  body: Differentiable,
  inputs: OneOrMany<Tensor>,
  options: GradCheckOptions & { gradOutputs?: readonly Tensor[] } = {},
): boolean {
  const list = asList(inputs);
  return scope(() => {
    const differentiable = (values: readonly Tensor[]) =>
      enableGrad(() => asList(body(...values)).filter((output) => output.requiresGrad));
    const outputs = differentiable(list);
    if (outputs.length === 0)
      throw new ArgumentError(
        'gradGradCheck: expected an output that depends on an input that requires grad, got none.',
      );
    let seeds = options.gradOutputs;
    if (seeds === undefined) {
      const generator = new Generator({ seed: 20, device: outputs[0]!.device });
      seeds = outputs.map((output) => randn(output.shape, { generator, dtype: output.dtype, device: output.device }));
      generator.dispose();
      for (const seed of seeds) seed.requiresGrad = true;
    }
    const gradients = (...values: Tensor[]) => {
      const wanted = values.slice(0, list.length).filter((input) => input.requiresGrad);
      const settings = { gradOutputs: values.slice(list.length), createGraph: true, allowUnused: true };
      return grad(differentiable(values.slice(0, list.length)), wanted, settings).filter(
        (gradient) => gradient !== null,
      );
    };
    return check('gradGradCheck', gradients, [...list, ...seeds], options);
  });
}
