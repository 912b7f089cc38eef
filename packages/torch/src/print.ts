/** @file Text form of tensors, after PyTorch's: aligned columns, edges only of large tensors. */
import type { Tensor } from './tensor.js';

const EDGE = 3;
const SUMMARIZE_ABOVE = 1000;

function formatNumbers(values: readonly number[], isFloat: boolean): (value: number) => string {
  if (!isFloat) return (value) => String(value);
  const finite = values.filter((value) => Number.isFinite(value) && value !== 0).map(Math.abs);
  const largest = Math.max(...finite, 0);
  const smallest = Math.min(...finite, Number.POSITIVE_INFINITY);
  const whole = finite.every((value) => Number.isInteger(value));
  const scientific = largest > 1e8 || (finite.length > 0 && (smallest < 1e-4 || largest / smallest > 1e5));
  return (value) => {
    if (Number.isNaN(value)) return 'nan';
    if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
    if (scientific) return value.toExponential(4);
    return whole ? `${value}.` : value.toFixed(4);
  };
}

/** `tensor([[1., 2.], [3., 4.]], dtype=float64)`, with dtype, device and gradient named when they are not the usual ones. */
export function formatTensor(tensor: Tensor): string {
  if (tensor.isDisposed) return 'tensor(disposed)';
  const { shape, dtype, device } = tensor;
  const suffix =
    (dtype === 'float32' || dtype === 'int64' || dtype === 'bool' ? '' : `, dtype=${dtype}`) +
    (device === 'cpu' ? '' : `, device='${device}'`) +
    (tensor.requiresGrad ? ', requiresGrad=true' : '');
  const numel = shape.reduce((product, size) => product * size, 1);
  if (numel === 0) return `tensor([], size=[${shape.join(', ')}]${suffix})`;
  const data = Array.from(tensor.data() as ArrayLike<number | bigint>, Number);
  const summarized = numel > SUMMARIZE_ABOVE;
  const shownAlong = (size: number): (number | null)[] =>
    summarized && size > 2 * EDGE
      ? [...Array(EDGE).keys(), null, ...[...Array(EDGE).keys()].map((i) => size - EDGE + i)]
      : [...Array(size).keys()];
  const collect = (dimension: number, offset: number, stride: number): number[] => {
    if (dimension === shape.length) return [data[offset]!];
    const inner = stride / shape[dimension]!;
    return shownAlong(shape[dimension]!).flatMap((i) =>
      i === null ? [] : collect(dimension + 1, offset + i * inner, inner),
    );
  };
  const shown = collect(0, 0, numel);
  const number = formatNumbers(shown, dtype.startsWith('float') || dtype === 'bfloat16');
  const text = (value: number) => (dtype === 'bool' ? String(value !== 0) : number(value));
  const width = Math.max(...shown.map((value) => text(value).length));
  const render = (dimension: number, offset: number, stride: number): string => {
    if (dimension === shape.length)
      return shape.length === 0 ? text(data[offset]!) : text(data[offset]!).padStart(width);
    const inner = stride / shape[dimension]!;
    const parts = shownAlong(shape[dimension]!).map((i) =>
      i === null ? '...' : render(dimension + 1, offset + i * inner, inner),
    );
    const last = dimension === shape.length - 1;
    const separator = last
      ? ', '
      : `,${'\n'.repeat(Math.max(1, shape.length - dimension - 1))}${' '.repeat(8 + dimension)}`;
    return `[${parts.join(separator)}]`;
  };
  return `tensor(${render(0, 0, numel)}${suffix})`;
}
