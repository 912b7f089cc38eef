/** @file What calls take beyond the schemas, as in PyTorch's own face: `requiresGrad` of what makes tensors, `to('cuda')`. */
import { shapeOfCall } from './call-shape.mjs';

/** Whether a schema makes a new tensor from options, so that it takes `requiresGrad` too. */
export const isCreation = (schema) => {
  const names = new Set(shapeOfCall(schema).options.map(({ name }) => name));
  return (
    ['dtype', 'layout', 'device', 'pin_memory'].every((name) => names.has(name)) &&
    schema.returns.length === 1 &&
    schema.name !== 'to' &&
    !schema.name.startsWith('_')
  );
};

const TO_DEVICE =
  'device: NamedDevice, options?: { /** @default false */ nonBlocking?: boolean | undefined; /** @default false */ copy?: boolean | undefined; /** @default null */ memoryFormat?: MemoryFormat | null | undefined }';
const TO_COMMENT =
  "/** This tensor on a device: `x.to('cuda')`; a device in a variable of type string goes in as `{ device }`. */";

/** Overloads that no schema has: their signatures, and the line that finds them by their arguments. */
export const OVERLOADS = {
  to: {
    function: `${TO_COMMENT}\nexport function to<D extends DType, R extends number>(self: Tensor<D, R>, ${TO_DEVICE}): Tensor<D, R>;`,
    method: `    ${TO_COMMENT}\n    to(${TO_DEVICE}): Tensor<D, R>;`,
    line: 'if (isDeviceName(a1) && isOptions(a2)) return to(a0, { ...a2, device: a1 });',
  },
};
