/** @file What can go wrong with a model file. */
import { SuaveError } from '../../errors.js';

/** A network that cannot be written as ONNX, or a file that is no ONNX model. */
export class OnnxError extends SuaveError {
  constructor(
    code: 'ONNX_TOO_LARGE' | 'ONNX_DAMAGED' | 'ONNX_NETWORK' | 'ONNX_IMAGE_SIZE',
    message: string,
    cause?: unknown,
  ) {
    super(code, message, { cause });
  }
}
