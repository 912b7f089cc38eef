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

/** No addon binary could be loaded. */
export class LibtorchNotFoundError extends Error {
  override readonly name = 'LibtorchNotFoundError';
  readonly code = 'ERR_LIBTORCH_NOT_FOUND';
  constructor(searched: readonly string[], cause?: unknown) {
    const reason = cause instanceof Error ? ` (${cause.message.split('\n')[0]})` : '';
    super(
      `@suave/torch: the addon could not be loaded; looked for ${searched.join(', ')}${reason}. ` +
        'Build it with `npm run build`; that needs libtorch-dev (Debian), a PyTorch wheel, or LIBTORCH set to an unpacked libtorch.',
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
    case 'ERR_TORCH_ANOMALY':
      return new AnomalyError(`backward: ${message}`, operator);
    default:
      return new TorchError(text, code, operator, operands);
  }
}
