/** @file What is compared of a golden model: outputs, running statistics, gradients, state-dict keys. */
import { fromTypedArray, type nn, scope, type Tensor } from '@suave/torch';
import { testDevice } from '../fixtures/devices.js';
import { assertNumbers, type GoldenCase } from './harness.js';
import { doubles, fillModel } from './model-cases.js';
import { imagesFromBytes } from './tensors.js';
import { type Fill, norm, project, waveHash } from './waves.js';

/** Number formats that golden models run in. */
export type Float = 'float32' | 'float64';

/** Outputs of a model under the golden names. */
export type Outputs = Record<string, Tensor>;

const SUFFIX: Record<Float, string> = { float32: '', float64: '_f64' };

/** `Σ_k Σ out_k · wave("loss:" + k)` in the working precision. */
function waveLoss(outputs: Outputs): Tensor {
  return Object.entries(outputs)
    .map(([name, out]) =>
      out
        .mul(fromTypedArray(waveHash(`loss:${name}`, out.numel), out.shape, { dtype: out.dtype, device: testDevice() }))
        .sum(),
    )
    .reduce((left, right) => left.add(right));
}

function sameNames(golden: GoldenCase, what: string, got: string[]): void {
  const expected = golden.expectedValues[what] as string[];
  if (got.join() !== expected.join())
    throw new Error(`${golden.id}: ${what} is [${got.join(', ')}], expected [${expected.join(', ')}].`);
}

function checkBuffers(golden: GoldenCase, model: nn.Module, dtype: Float): void {
  if (!golden.has(`buffer_norm${SUFFIX[dtype]}`)) return;
  const buffers = [...model.namedBuffers()].filter(([name]) => !name.endsWith('num_batches_tracked'));
  sameNames(
    golden,
    'buffer_order',
    buffers.map(([name]) => name),
  );
  golden.check(
    `buffer_norm${SUFFIX[dtype]}`,
    buffers.map(([, buffer]) => norm(doubles(buffer))),
  );
  golden.check(
    `buffer_proj${SUFFIX[dtype]}`,
    buffers.map(([name, buffer]) => project(`buf:${name}`, doubles(buffer))),
  );
}

/** Parameters without a gradient must be exactly those that the case names. */
function checkAbsent(golden: GoldenCase, parameters: [string, Tensor][]): void {
  const expected = (golden.expectedValues.params_without_gradient as string[] | undefined) ?? [];
  const absent = parameters.filter(([, parameter]) => parameter.grad === null).map(([name]) => name);
  if (absent.join() !== expected.join())
    throw new Error(`${golden.id}: no gradient at [${absent.join(', ')}], expected at [${expected.join(', ')}].`);
}

function checkGradients(golden: GoldenCase, model: nn.Module, outputs: Outputs, dtype: Float): void {
  const suffix = SUFFIX[dtype];
  const loss = waveLoss(outputs);
  if (`loss${suffix}` in golden.expectedValues) golden.checkValue(`loss${suffix}`, loss.item());
  if (!golden.names('expected').includes(`grad_norm${suffix}`)) return;
  loss.backward();
  const parameters = [...model.namedParameters()];
  sameNames(
    golden,
    'param_order',
    parameters.map(([name]) => name),
  );
  checkAbsent(golden, parameters);
  const gradients = parameters.map(([, parameter]) =>
    parameter.grad ? doubles(parameter.grad) : new Float64Array(parameter.numel),
  );
  const norms = gradients.map((gradient) => norm(gradient));
  const projections = gradients.map((gradient, i) => project(`grad:${parameters[i][0]}`, gradient));
  const zero = new Set(golden.expectedValues.zero_gradient_params as string[] | undefined);
  const largest = Math.max(...norms);
  for (const [i, [name]] of parameters.entries()) {
    if (!zero.has(name)) continue;
    if (!(norms[i] < 1e-5 * largest))
      throw new Error(`${golden.id}: the gradient of ${name} should vanish, its norm is ${norms[i]}.`);
    norms[i] = Number(golden.tensor(`grad_norm${suffix}`).data[i]);
    projections[i] = Number(golden.tensor(`grad_proj${suffix}`).data[i]);
  }
  golden.check(`grad_norm${suffix}`, norms);
  golden.check(`grad_proj${suffix}`, projections);
}

/** Compares every `out/…` tensor of the run's precision. */
export function checkOutputs(golden: GoldenCase, outputs: Outputs, dtype: Float): void {
  const own = golden
    .names('expected')
    .filter((name) => name.startsWith('out/') && name.endsWith('_f64') === (dtype === 'float64'));
  for (const name of own) {
    const key = name.slice(4).replace(/_f64$/, '');
    if (!outputs[key]) throw new Error(`${golden.id}: the model has no output "${key}".`);
    golden.check(name, doubles(outputs[key]));
  }
}

/**
 * Fills a model by name, runs it on the case's images and compares outputs, buffers, loss and gradients.
 * @param model  taken over: disposed
 */
export function checkModel<M extends nn.Module>(
  golden: GoldenCase,
  dtype: Float,
  model: M,
  forward: (model: M, images: Tensor[]) => Outputs,
): void {
  fillModel(model, golden.params.fill as Fill);
  model.train(golden.params.mode === 'train');
  scope(() => {
    const names = golden.params.inputs_in_order as string[];
    const images = names.map((name) => imagesFromBytes(golden.tensor(name), dtype));
    const outputs = forward(model, images);
    checkOutputs(golden, outputs, dtype);
    checkBuffers(golden, model, dtype);
    checkGradients(golden, model, outputs, dtype);
  });
  model.dispose();
}

/** A float64 run only where the case has float64 values; a float32 run only where it has float32 ones. */
export function precisions(check: (golden: GoldenCase, dtype: Float) => void) {
  return (golden: GoldenCase) => {
    const names = golden.names('expected');
    return Object.fromEntries(
      (['float32', 'float64'] as const)
        .filter((dtype) => names.some((name) => name.endsWith('_f64') === (dtype === 'float64')))
        .map((dtype) => [dtype, () => check(golden, dtype)]),
    );
  };
}

/** A state-dict entry of the key file. */
export type StoredKey = [name: string, shape: number[], kind: string];

/**
 * Compares names, shapes, kinds and order of all state-dict entries.
 * @param model  taken over: disposed
 */
export function checkKeys(label: string, model: nn.Module, expected: readonly StoredKey[], count: number): void {
  const parameters = model.namedParameters();
  const kind = (key: string) => {
    if (!parameters.has(key)) return 'buffer';
    return parameters.get(key)!.requiresGrad ? 'param' : 'frozen param';
  };
  const got = [...model.stateDict()].map(([key, entry]) => [key, entry.shape, kind(key)]);
  for (const [i, entry] of expected.entries()) {
    if (JSON.stringify(got[i]) !== JSON.stringify(entry))
      throw new Error(`${label}[${i}]: expected ${JSON.stringify(entry)}, got ${JSON.stringify(got[i])}.`);
  }
  assertNumbers([got.length], [count], 'exact', `${label}: entries`);
  model.dispose();
}
