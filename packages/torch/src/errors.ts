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

/** Memory ran out on the device; the process lives on. */
export class OutOfMemoryError extends TorchError {
  override readonly name = 'OutOfMemoryError';
  constructor(message: string, operator = '', operands = '') {
    super(message, 'ERR_TORCH_OUT_OF_MEMORY', operator, operands);
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

/** Builds the typed error for a failure that the addon reports. */
export function torchError(code: string, operator: string, operands: string, message: string): Error {
  const where = operator === '' ? '' : `${operator}(${operands}): `;
  const text = where + message;
  switch (code) {
    case 'ERR_TENSOR_DISPOSED':
      return new DisposedTensorError(text, operator, operands);
    case 'ERR_TORCH_ARGUMENT':
      return new ArgumentError(text, operator, operands);
    case 'ERR_TORCH_OUT_OF_MEMORY':
      return new OutOfMemoryError(
        `${text} Use smaller batches or images, or free tensors earlier.`,
        operator,
        operands,
      );
    default:
      return new TorchError(text, code, operator, operands);
  }
}
