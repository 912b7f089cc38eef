/** @file Door of ONNX: our networks as models that other programs run. */
export { buildOnnxModel, inputName, type OnnxOptions, type OnnxTarget } from './build.js';
export { GraphBuilder, type Value } from './graph-builder.js';
export {
  type AttributeValue,
  attributeType,
  type ElementType,
  elementType,
  float,
  floatsOf,
  int,
  ints,
  nodeOf,
  type OnnxAttribute,
  type OnnxDimension,
  type OnnxGraph,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValueInfo,
  tensorOf,
  text,
  valueInfo,
} from './model.js';
export { OnnxError } from './onnx-error.js';
export { decodeOnnxModel, encodeOnnxModel } from './protobuf.js';
export { OnnxSession } from './session.js';
export { type ExportTarget, exportTargetOf } from './target.js';
