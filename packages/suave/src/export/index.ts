/** @file Door of exports: a trained network in the forms that other programs read. */
export {
  type Comparison,
  exportOnnxFolder,
  type OnnxExport,
  type OnnxExportOptions,
  type WrittenFile,
} from './onnx-folder.js';
export { writeNewFolder } from './output-folder.js';
export type { Quantization } from './quantization-loss.js';
export { type SafetensorsExport, writeSafetensorsFolder } from './safetensors.js';
export { exportWeb, type WebExport, type WebExportOptions } from './web/index.js';
