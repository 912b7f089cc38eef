/** @file Errors of the package: each class has a stable `code`, each message says where, what and what to do. */

/** Anything that libtorch refused; `cause`-free, `message` holds the operator, its operands and libtorch's own words. */
export class TorchError extends Error {
  override readonly name: string = 'TorchError';

  constructor(
    message: string,
    /** Stable across releases, e.g. `ERR_TORCH_OPERATOR`. */
    readonly code: string = 'ERR_TORCH',
    /** Schema name such as `aten::add.Tensor`, empty when no operator was involved. */
    readonly operator: string = '',
    /** The operands as text: dtype, shape and device of tensors. */
    readonly operands: string = '',
  ) {
    super(message);
  }
}

/** A tensor has another shape or rank than is needed. */
export class ShapeError extends TorchError {
  override readonly name = 'ShapeError';
  constructor(message: string, operator = '', operands = '') {
    super(message, 'ERR_TORCH_SHAPE', operator, operands);
  }
}

/** The tensor was disposed of, or freed at the end of its scope. */
export class DisposedTensorError extends TorchError {
  override readonly name = 'DisposedTensorError';
  constructor(message: string, operator = '', operands = '') {
    super(message, 'ERR_TENSOR_DISPOSED', operator, operands);
  }
}

/** A value given to the package does not fit: wrong kind, unknown name, missing argument. */
export class ArgumentError extends TorchError {
  override readonly name = 'ArgumentError';
  constructor(message: string, operator = '', operands = '') {
    super(message, 'ERR_TORCH_ARGUMENT', operator, operands);
  }
}

/** The loaded libtorch does not have this operator. */
export class MissingOperatorError extends TorchError {
  override readonly name = 'MissingOperatorError';
  constructor(operator: string, version: string) {
    super(
      `${operator}: libtorch ${version} does not have this operator. Check with torch.has('${operator}'), or use a newer libtorch.`,
      'ERR_TORCH_MISSING_OPERATOR',
      operator,
    );
  }
}

/** Memory ran out on the device; the process, and every tensor made before, live on. */
export class OutOfMemoryError extends TorchError {
  override readonly name = 'OutOfMemoryError';
  /** Bytes that were asked for, as far as libtorch's message says so; it rounds those on CUDA. */
  readonly requestedBytes: number | undefined;
  /** Memory of the device in all, on CUDA. */
  readonly totalBytes: number | undefined;
  /** What no process had taken of it. */
  readonly freeBytes: number | undefined;
  /** In tensors of this process. */
  readonly allocatedBytes: number | undefined;
  /** Taken by this process, in tensors or not; what is not may be in pieces too small (`cuda.emptyCache`). */
  readonly reservedBytes: number | undefined;
  constructor(message: string, operator = '', operands = '') {
    super(message, 'ERR_TORCH_OUT_OF_MEMORY', operator, operands);
    this.requestedBytes = bytesIn(message, /tried to allocate SIZE|requested size: SIZE/);
    this.totalBytes = bytesIn(message, /total capacity of SIZE|SIZE total capacity/);
    this.freeBytes = bytesIn(message, /of which SIZE is free|SIZE free;/);
    this.allocatedBytes = bytesIn(message, /SIZE is allocated by PyTorch|SIZE already allocated/);
    const unused = bytesIn(message, /SIZE is reserved by PyTorch but unallocated/);
    const { allocatedBytes } = this;
    this.reservedBytes =
      unused !== undefined && allocatedBytes !== undefined
        ? allocatedBytes + unused
        : bytesIn(message, /SIZE reserved in total by PyTorch/);
  }
}

/**
 * What was asked for needs a device, or a part of CUDA, that is not there.
 * `code` is `ERR_TORCH_NO_CUDA` without a CUDA device, `ERR_TORCH_CUDA_FEATURE` for a part that this build or version lacks.
 */
export class DeviceError extends TorchError {
  override readonly name = 'DeviceError';
  constructor(message: string, code: 'ERR_TORCH_NO_CUDA' | 'ERR_TORCH_CUDA_FEATURE', operator = '', operands = '') {
    super(message, code, operator, operands);
  }
}

/** Something that cannot be part of a CUDA graph was done while one was being captured. */
export class CaptureError extends TorchError {
  override readonly name = 'CaptureError';
  constructor(message: string, operator = '', operands = '') {
    super(message, 'ERR_TORCH_CAPTURING', operator, operands);
  }
}

/** A backward pass failed inside `detectAnomaly`; the message holds the JavaScript stack of the forward call. */
export class AnomalyError extends TorchError {
  override readonly name = 'AnomalyError';
  constructor(message: string, operator: string) {
    super(message, 'ERR_TORCH_ANOMALY', operator);
  }
}

/** Gradients and finite differences disagree; the message says for which input and which element. */
export class GradCheckError extends TorchError {
  override readonly name = 'GradCheckError';
  constructor(message: string) {
    super(message, 'ERR_TORCH_GRAD_CHECK');
  }
}

/** No addon could be loaded: `searched` says why for each place, in the order of the search; the message ends with what to do. */
export class LibtorchNotFoundError extends Error {
  override readonly name = 'LibtorchNotFoundError';
  readonly code = 'ERR_LIBTORCH_NOT_FOUND';

  constructor(
    /** A line for each place that was searched: `place: why it was passed over`. */
    readonly searched: readonly string[],
    /** What to do about it. */
    readonly mend: string,
    packageVersion: string,
    cause?: unknown,
  ) {
    const here = `${process.platform}-${process.arch}, Node.js ${process.versions.node}`;
    super(
      [
        `@suave/torch ${packageVersion}: no libtorch with an addon for it could be loaded (${here}). Searched, in this order:`,
        ...searched.map((line) => `  - ${line}`),
        mend,
        '`npx suave-torch doctor` looks at the whole set-up.',
      ].join('\n'),
      { cause },
    );
  }
}

const UNITS = { bytes: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const;

/** The size that stands in the place of SIZE, in bytes. */
function bytesIn(message: string, pattern: RegExp): number | undefined {
  const size = '(\\d+(?:\\.\\d+)?) (bytes|KiB|MiB|GiB|TiB)';
  const found = new RegExp(pattern.source.replaceAll('SIZE', size), 'i').exec(message)?.filter(Boolean);
  if (found === undefined) return undefined;
  return Math.round(Number(found[1]) * UNITS[found[2] as keyof typeof UNITS]);
}

/** How libtorch says that the library or the device for CUDA is not there. */
const NO_CUDA =
  /not linked with support for cuda|without ATen_cuda library|pinned memory requires CUDA|need to provide pin_memory allocator|pin_memory=True requires a CUDA|no CUDA GPUs are available|no NVIDIA driver|not compiled with CUDA|accelerator device when none is available/i;
const NO_CUDA_KERNEL = /^Could not run '\S+' with arguments from the 'CUDA' backend/;
const CAPTURING = /stream is capturing|stream capture|StreamCapture|cudaErrorStreamCapture/i;
const OUT_OF_MEMORY = /out of memory|can't allocate memory/i;

/** The code of a failure that libtorch itself reports, by its words: it has no types for these. */
function codeOf(code: string, message: string, cudaBuilt: () => boolean): string {
  if (code !== 'ERR_TORCH_OPERATOR' && code !== 'ERR_TORCH') return code;
  if (OUT_OF_MEMORY.test(message)) return 'ERR_TORCH_OUT_OF_MEMORY';
  if (CAPTURING.test(message)) return 'ERR_TORCH_CAPTURING';
  if (NO_CUDA.test(message) || (NO_CUDA_KERNEL.test(message) && !cudaBuilt())) return 'ERR_TORCH_NO_CUDA';
  return code;
}

/**
 * Builds the typed error for a failure that the addon reports.
 * @param cudaBuilt  whether the loaded libtorch has CUDA; asked only where the message alone does not tell
 */
export function torchError(
  code: string,
  operator: string,
  operands: string,
  message: string,
  cudaBuilt: () => boolean = () => true,
): Error {
  const where = operator === '' ? '' : `${operator}(${operands}): `;
  const text = where + message;
  const known = codeOf(code, message, cudaBuilt);
  switch (known) {
    case 'ERR_TENSOR_DISPOSED':
      return new DisposedTensorError(text, operator, operands);
    case 'ERR_TORCH_ARGUMENT':
      return new ArgumentError(text, operator, operands);
    case 'ERR_TORCH_OUT_OF_MEMORY':
      return new OutOfMemoryError(
        `${text} Use smaller batches or images, free tensors earlier (scope, dispose), or compute in a lower precision (autocast).`,
        operator,
        operands,
      );
    case 'ERR_TORCH_CAPTURING': {
      const remedy = ' Move what waits for the device, or reads from it, out of the captured function.';
      return new CaptureError(known === code ? text : text + remedy, operator, operands);
    }
    case 'ERR_TORCH_CUDA_FEATURE':
      return new DeviceError(text, known, operator, operands);
    case 'ERR_TORCH_NO_CUDA': {
      if (known === code) return new DeviceError(text, known, operator, operands);
      const words = cudaBuilt()
        ? (message.split('\n')[0] ?? '')
        : /pin/i.test(operator + message)
          ? 'pinned memory needs CUDA, and this libtorch has none. Use plain memory, or a libtorch with CUDA.'
          : "this libtorch has no CUDA. Use a libtorch with CUDA, or the device 'cpu'.";
      return new DeviceError(where + words, known, operator, operands);
    }
    case 'ERR_TORCH_ANOMALY':
      return new AnomalyError(`backward: ${message}`, operator);
    default:
      return new TorchError(text, code, operator, operands);
  }
}
