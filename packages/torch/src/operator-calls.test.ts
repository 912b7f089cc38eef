/** @file Calls of PyTorch's operators, replayed through the typed functions and the methods of Tensor: the same overloads, the same results. */
import { readFileSync } from 'node:fs';
import { describe, expect, it as itOnHost } from 'vitest';
import { itOnDevice as it, place, within } from '../../../tests/fixtures/torch-devices.js';
import * as operators from './generated/operators.js';
import * as outForms from './generated/out.js';
import * as torch from './index.js';

type Encoded =
  | { tensor: (number | string)[]; shape: number[]; dtype: torch.DType }
  | { complex: Encoded }
  | { seed: number }
  | Encoded[]
  | number
  | string
  | boolean
  | null;

interface Case {
  name: string;
  args: Encoded[];
  options?: Record<string, Encoded>;
  results: Encoded[];
  several?: boolean;
}

type Loose = Record<string, ((...values: unknown[]) => unknown) | undefined>;
const functions = { ...operators, ...outForms } as unknown as Loose;

/** Kinds of floating-point results, and how far from Python's they may be. */
const TOLERANCE: Partial<Record<torch.DType, number>> = { float64: 1e-9, float32: 2e-5, float16: 2e-3, bfloat16: 2e-2 };

const camelCase = (name: string) =>
  name.replace(/([a-z0-9])_+([a-z0-9])/gi, (_, before: string, letter: string) => before + letter.toUpperCase());

function decode(value: Encoded): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(decode);
  if ('seed' in value) return new torch.Generator({ seed: value.seed });
  if ('complex' in value) return torch.viewAsComplex(decode(value.complex) as torch.Tensor);
  return place(
    torch.fromTypedArray(Float64Array.from(value.tensor, Number), value.shape, { dtype: 'float64' }).to(value.dtype),
  );
}

/** Name of the typed function of a schema's name: `add.out` is `addOut`, `add_` stays. */
function functionName(name: string): string {
  const base = name.split('.')[0]!;
  return camelCase(base) + (name.includes('.') ? 'Out' : '');
}

function check(got: unknown, expected: Encoded): void {
  if (!(got instanceof torch.Tensor)) {
    expect(got).toEqual(expected);
    return;
  }
  const parts = expected as { complex?: Encoded; tensor: (number | string)[]; shape: number[]; dtype: torch.DType };
  if (parts.complex !== undefined) {
    check(torch.viewAsReal(got), parts.complex);
    return;
  }
  expect(got.dtype).toBe(parts.dtype);
  expect(got.shape).toEqual(parts.shape);
  const values = got.to('float64').data();
  const tolerance = within(TOLERANCE[parts.dtype] ?? 0, parts.dtype);
  for (const [i, wanted] of Array.from(parts.tensor, Number).entries()) {
    const value = values[i]!;
    if (Object.is(value, wanted) || value === wanted) continue;
    expect(Math.abs(value - wanted), `element ${i}: expected ${wanted}, got ${value}`).toBeLessThanOrEqual(
      tolerance * Math.max(1, Math.abs(wanted)),
    );
  }
}

function replay(call: Case, asMethod: boolean): void {
  torch.scope(() => {
    const args = call.args.map(decode);
    const rest = [...args];
    if (call.options !== undefined)
      rest.push(
        Object.fromEntries(Object.entries(call.options).map(([name, value]) => [camelCase(name), decode(value)])),
      );
    const name = functionName(call.name);
    const result = asMethod ? (args[0] as unknown as Loose)[name]!(...rest.slice(1)) : functions[name]!(...rest);
    const results = call.several ? (result as unknown[]) : [result];
    expect(results).toHaveLength(call.results.length);
    for (const [i, expected] of call.results.entries()) check(results[i], expected);
    if (/[^_]_$/.test(name)) expect(result).toBe(args[0]);
  });
}

const read = (name: string): { torch: string; cases: Case[] } =>
  JSON.parse(readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8'));

function replayAll(file: string): void {
  const { torch: made, cases } = read(file);
  describe(`PyTorch ${made}'s calls`, () => {
    for (const [i, call] of cases.entries()) {
      const title = `${i}: ${call.name}(${call.args
        .map((value) => JSON.stringify(value))
        .join(', ')
        .slice(0, 60)})`;
      // Generators of devices draw other numbers.
      const test = JSON.stringify(call).includes('"seed"') ? itOnHost : it;
      test(title, () => {
        replay(call, false);
        const [first] = call.args;
        const isTensor = typeof first === 'object' && first !== null && ('tensor' in first || 'complex' in first);
        if (isTensor && functionName(call.name) in torch.Tensor.prototype) replay(call, true);
      });
    }
  });
}

replayAll('operator-calls.json');
if (torch.libtorchVersion().startsWith('1.'))
  itOnHost.skip(`operator-calls-newer.json needs libtorch 2, this is ${torch.libtorchVersion()}`, () => {});
else replayAll('operator-calls-newer.json');
