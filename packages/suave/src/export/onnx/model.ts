/** @file An ONNX model as plain values: what onnx.proto calls them, in camel case. */

/** Types of tensor elements, by the numbers of onnx.proto. */
export const elementType = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9 } as const;

/** Name of a type of tensor elements. */
export type ElementType = keyof typeof elementType;

/** Types of attributes, by the numbers of onnx.proto. */
export const attributeType = { float: 1, int: 2, string: 3, tensor: 4, floats: 6, ints: 7, strings: 8 } as const;

/** A tensor with its values: a weight or a constant. */
export interface OnnxTensor {
  name: string;
  dims: number[];
  /** One of `elementType`. */
  dataType: number;
  /** Little-endian values in row-major order; shared, not copied, when a model is decoded. */
  rawData: Uint8Array;
}

/** An attribute of a node; `type` says which of the values there is. */
export interface OnnxAttribute {
  name: string;
  /** One of `attributeType`. */
  type: number;
  f?: number;
  i?: number;
  /** UTF-8. */
  s?: Uint8Array;
  t?: OnnxTensor;
  floats?: number[];
  ints?: number[];
  strings?: Uint8Array[];
}

/** One operation. */
export interface OnnxNode {
  name: string;
  opType: string;
  /** Names of values; an empty name is an optional input that is left out. */
  input: string[];
  output: string[];
  attribute: OnnxAttribute[];
  /** Empty for ONNX's own operators. */
  domain?: string;
}

/** A dimension: a number, or a name for one that is known only when the model runs. */
export interface OnnxDimension {
  dimValue?: number;
  dimParam?: string;
}

/** An input or output of the graph. */
export interface OnnxValueInfo {
  name: string;
  type: { tensorType: { elemType: number; shape: { dim: OnnxDimension[] } } };
}

/** Nodes in an order in which they can run, weights, inputs and outputs. */
export interface OnnxGraph {
  name: string;
  node: OnnxNode[];
  initializer: OnnxTensor[];
  input: OnnxValueInfo[];
  output: OnnxValueInfo[];
  docString?: string;
}

/** A whole model. */
export interface OnnxModel {
  irVersion: number;
  producerName: string;
  producerVersion: string;
  graph: OnnxGraph;
  opsetImport: { domain: string; version: number }[];
  metadataProps: { key: string; value: string }[];
}

/** The value of an attribute, before it has a name. */
export type AttributeValue = Omit<OnnxAttribute, 'name'>;

const utf8 = new TextEncoder();

/** An integer attribute. */
export const int = (i: number): AttributeValue => ({ type: attributeType.int, i });
/** A list of integers. */
export const ints = (values: readonly number[]): AttributeValue => ({ type: attributeType.ints, ints: [...values] });
/** A float32 attribute. */
export const float = (f: number): AttributeValue => ({ type: attributeType.float, f });
/** A text attribute. */
export const text = (value: string): AttributeValue => ({ type: attributeType.string, s: utf8.encode(value) });

/** A node of ONNX's own operators. */
export function nodeOf(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attributes: Readonly<Record<string, AttributeValue>> = {},
): OnnxNode {
  const attribute = Object.entries(attributes).map(([name, value]) => ({ name, ...value }));
  return { name: output[0], opType, input: [...input], output: [...output], attribute };
}

/** A tensor of numbers; `dims` is empty for a single number. */
export function tensorOf(
  name: string,
  type: ElementType,
  dims: readonly number[],
  values: readonly number[] | Float32Array,
): OnnxTensor {
  return { name, dims: [...dims], dataType: elementType[type], rawData: littleEndian(type, values) };
}

function littleEndian(type: ElementType, values: readonly number[] | Float32Array): Uint8Array {
  switch (type) {
    case 'float32':
      return bytesOf(values instanceof Float32Array ? values : Float32Array.from(values));
    case 'int32':
      return bytesOf(Int32Array.from(values));
    case 'int64':
      return bytesOf(BigInt64Array.from(Array.from(values), BigInt));
    case 'int8':
      return bytesOf(Int8Array.from(values));
    case 'uint8':
    case 'bool':
      return Uint8Array.from(values);
  }
}

/** The memory of an array; every platform of Node.js is little-endian. */
function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}

/** The values of a float32 tensor; shares its memory where that is aligned. */
export function floatsOf({ rawData }: OnnxTensor): Float32Array {
  const aligned = rawData.byteOffset % Float32Array.BYTES_PER_ELEMENT === 0 ? rawData : rawData.slice();
  return new Float32Array(aligned.buffer as ArrayBuffer, aligned.byteOffset, aligned.byteLength / 4);
}

/** An input or output of a model; names stand for sizes that are known only when it runs. */
export function valueInfo(name: string, type: ElementType, shape: readonly (number | string)[]): OnnxValueInfo {
  const dim = shape.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }));
  return { name, type: { tensorType: { elemType: elementType[type], shape: { dim } } } };
}
