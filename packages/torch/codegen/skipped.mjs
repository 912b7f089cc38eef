/** @file Operators that the typed face leaves out, each with its reason. */
import { fullName } from './call-shape.mjs';
import { EXPRESSIBLE } from './signatures.mjs';

/** By name. */
const NAMES = [
  [/^(item|_local_scalar_dense|is_leaf|data|set_data|_backward)$/, 'written by hand in Tensor, or part of autograd'],
];

/** By overload. */
const OVERLOADS = [[/(^|_)names?(_|$)|[Dd]imname/, 'named dimensions, which PyTorch gave up']];

/** By a type that TypeScript has no value for. */
const TYPES = {
  Storage: 'a storage without its tensor, which has no object here: share memory between tensors by views',
  Stream: 'a CUDA stream: streams are objects of `cuda`',
  QScheme: 'the scheme of a quantized tensor, an enumeration of its own',
  Dict: "the gradients of PyTorch's distributed autograd",
  SymBool: "a symbolic value of PyTorch's compiler",
};

/** Why a schema is not bound, or null. */
export function reasonToSkip(schema) {
  for (const [pattern, reason] of NAMES) if (pattern.test(schema.name)) return reason;
  for (const [pattern, reason] of OVERLOADS) if (pattern.test(schema.overload)) return reason;
  for (const { type } of [...schema.arguments, ...schema.returns]) {
    if (EXPRESSIBLE.has(type.base)) continue;
    if (type.base.startsWith('__torch__.')) return 'a class of TorchScript, for quantized recurrent networks';
    const reason = TYPES[type.base];
    if (reason === undefined)
      throw new Error(`codegen: ${fullName(schema)}: no reason to leave out the type ${type.base}`);
    return reason;
  }
  return null;
}
