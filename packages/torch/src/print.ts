/**
 * @file Text form of tensors: PyTorch's, byte for byte, but for names that are ours: `dtype=float64` for `dtype=torch.float64`,
 * `requiresGrad=true`, `gradFn=<MulBackward0>`. Lines break where PyTorch breaks them.
 */
import { type DType, hasTypedArray, isComplexDType } from './dtype.js';
import { native } from './native.js';
import { floatFormat, integerFormat } from './print-numbers.js';
import { type PrintOptions, printOptions } from './print-options.js';
import type { Tensor } from './tensor.js';

/** A part of the text after the elements, and how long PyTorch's own is. */
interface Suffix {
  readonly text: string;
  readonly length: number;
}

const suffix = (text: string, more = 0): Suffix => ({ text, length: text.length + more });
const dtypeSuffix = (dtype: string): Suffix => suffix(`dtype=${dtype}`, 'torch.'.length);
const tuple = (sizes: readonly number[]): string => `(${sizes.join(', ')}${sizes.length === 1 ? ',' : ''})`;

/** The elements that are printed: all, or the edges of a tensor above the threshold, as a view that is copied then. */
function shownPart(tensor: Tensor, options: PrintOptions): { data: ArrayLike<number | bigint>; dtype: DType } {
  const made: Tensor[] = [];
  const keep = (part: Tensor): Tensor => {
    made.push(part);
    return part;
  };
  const gradMode = native.setGradEnabled(false);
  try {
    let part = tensor;
    if (tensor.numel > options.threshold) {
      // A summarized dimension becomes two: which end, and which element of it.
      const { shape, strides } = tensor;
      const edge = options.edgeItems;
      const isCut = shape.map((size) => size > 2 * edge);
      part = keep(
        tensor.asStrided(
          shape.flatMap((size, i) => (isCut[i] ? [2, edge] : [size])),
          strides.flatMap((stride, i) => (isCut[i] ? [((shape[i] ?? 0) - edge) * stride, stride] : [stride])),
        ),
      );
    }
    const dtype: string = tensor.dtype;
    if (dtype === 'complex32') part = keep(part.to('complex64'));
    else if (!hasTypedArray(dtype)) part = keep(part.to(dtype.startsWith('uint') ? 'int64' : 'float32'));
    return { data: part.data() as ArrayLike<number | bigint>, dtype: part.dtype };
  } finally {
    native.setGradEnabled(gradMode);
    for (const each of made) each.dispose();
  }
}

/** One text for each element that is shown. */
function elementTexts(data: ArrayLike<number | bigint>, dtype: DType, options: PrintOptions): [string[], number] {
  const values = Array.from(data);
  if (isComplexDType(dtype)) {
    const numbers = values.map(Number);
    const real = floatFormat(
      numbers.filter((_, i) => i % 2 === 0),
      options,
    );
    const imaginary = floatFormat(
      numbers.filter((_, i) => i % 2 === 1),
      options,
    );
    const texts = Array.from({ length: numbers.length / 2 }, (_, i) => {
      const second = imaginary.format(numbers[2 * i + 1] ?? 0).trimStart();
      return `${real.format(numbers[2 * i] ?? 0)}${second.startsWith('-') ? '' : '+'}${second}j`;
    });
    return [texts, real.width + imaginary.width + 1];
  }
  const isFloat = dtype.startsWith('float') || dtype === 'bfloat16';
  const form = isFloat ? floatFormat(values.map(Number), options) : integerFormat(values, dtype === 'bool');
  return [values.map(form.format), form.width];
}

/** The elements in brackets; `indent` is the column at which they begin. */
function elements(tensor: Tensor, indent: number, options: PrintOptions): string {
  const { shape, numel } = tensor;
  if (numel === 0) return '[]';
  const { data, dtype } = shownPart(tensor, options);
  const [texts, width] = elementTexts(data, dtype, options);
  if (shape.length === 0) return texts[0] ?? '';
  const isCut = (size: number): boolean => numel > options.threshold && size > 2 * options.edgeItems;
  const perLine = (column: number): number => Math.max(1, Math.floor((options.lineWidth - column) / (width + 2)));
  let next = 0;
  const render = (dimension: number, column: number): string => {
    const size = shape[dimension] ?? 0;
    const cut = isCut(size);
    const count = cut ? 2 * options.edgeItems : size;
    const isLast = dimension === shape.length - 1;
    const parts: string[] = [];
    for (let i = 0; i < count; i++) {
      if (cut && i === options.edgeItems) parts.push(isLast ? ' ...' : '...');
      parts.push(isLast ? (texts[next++] ?? '') : render(dimension + 1, column + 1));
    }
    const pad = ' '.repeat(column + 1);
    if (!isLast) return `[${parts.join(`,${'\n'.repeat(shape.length - dimension - 1)}${pad}`)}]`;
    const lines: string[] = [];
    const each = perLine(column);
    for (let i = 0; i < parts.length; i += each) lines.push(parts.slice(i, i + each).join(', '));
    return `[${lines.join(`,\n${pad}`)}]`;
  };
  return render(0, indent);
}

function withSuffixes(text: string, suffixes: readonly Suffix[], indent: number, width: number, newLine: boolean) {
  let result = text;
  let column = text.length - text.lastIndexOf('\n') + 1;
  let mustBreak = newLine;
  for (const { text: part, length } of suffixes) {
    if (mustBreak || column + length + 2 > width) {
      result += `,\n${' '.repeat(indent)}${part}`;
      column = indent + length;
      mustBreak = false;
    } else {
      result += `, ${part}`;
      column += length + 2;
    }
  }
  return `${result})`;
}

function sparseElements(tensor: Tensor, indent: number, options: PrintOptions): string {
  const part = (name: string, values: Tensor): string => {
    try {
      const prefix = `${name}=tensor(`;
      const empty = values.numel === 0 ? `, size=${tuple(values.shape)}` : '';
      return `${prefix}${elements(values, indent + prefix.length, options)}${empty})`;
    } finally {
      values.dispose();
    }
  };
  return `${part('indices', tensor._indices())},\n${' '.repeat(indent)}${part('values', tensor._values())}`;
}

function gradSuffix(tensor: Tensor): Suffix[] {
  const name = tensor.gradFn;
  if (name !== null) return [suffix(`gradFn=<${name}>`, 1)];
  return tensor.requiresGrad ? [suffix('requiresGrad=true', 1)] : [];
}

/**
 * The text of a tensor, e.g. `tensor([[1., 2.], [3., 4.]], dtype=float64)`. Waits for the device; fetches what is shown.
 * @param prefix  what stands before the elements; rows are aligned to its last line
 */
export function formatTensor(tensor: Tensor, prefix = 'tensor('): string {
  if (tensor.isDisposed) return 'tensor(disposed)';
  const options = printOptions();
  const { shape, device, numel } = tensor;
  const dtype: string = tensor.dtype;
  const indent = prefix.length - (prefix.lastIndexOf('\n') + 1);
  const layout = native.layout(tensor.handle);
  const suffixes: Suffix[] = device === 'cpu' ? [] : [suffix(`device='${device}'`)];
  const isUsual = dtype === 'float32' || dtype === 'complex64' || dtype === 'int64' || dtype === 'bool';
  let text: string;
  if (layout === 'Sparse') {
    suffixes.push(suffix(`size=${tuple(shape)}`), suffix(`nnz=${tensor._nnz()}`));
    if (!isUsual) suffixes.push(dtypeSuffix(dtype));
    text = sparseElements(tensor, indent, options);
    suffixes.push(suffix('layout=sparseCoo', 'torch.sparse_coo'.length - 'sparseCoo'.length));
  } else if (device === 'meta' || layout !== 'Strided' || /^(q|bits)/.test(dtype)) {
    suffixes.push(suffix(`size=${tuple(shape)}`));
    if (dtype !== 'float32') suffixes.push(dtypeSuffix(dtype));
    if (layout !== 'Strided') suffixes.push(suffix(`layout=${layout}`));
    text = '...';
  } else {
    if (numel === 0 && shape.length !== 1) suffixes.push(suffix(`size=${tuple(shape)}`));
    if (numel === 0 ? dtype !== 'float32' : !isUsual) suffixes.push(dtypeSuffix(dtype));
    text = elements(tensor, indent, options);
  }
  suffixes.push(...gradSuffix(tensor));
  return withSuffixes(prefix + text, suffixes, indent, options.lineWidth, layout === 'Sparse');
}

/**
 * The text for `util.inspect`: inside objects and arrays a tensor of several lines begins on a line of its own, so that its rows
 * stay aligned under whatever key it has; deeper than `depth` only its kind is said.
 */
export function inspectTensor(tensor: Tensor, depth: number | null, isNested: boolean): string {
  if (depth !== null && depth < 0)
    return tensor.isDisposed ? '[Tensor disposed]' : `[Tensor ${tensor.dtype} [${tensor.shape.join(', ')}]]`;
  const text = formatTensor(tensor);
  return isNested && text.includes('\n') ? formatTensor(tensor, 'tensor(\n  ') : text;
}
