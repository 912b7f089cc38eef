/** @file An ONNX model to bytes and back. Weights are copied once, into the bytes of the file. */
import protobuf from 'protobufjs';
import type { OnnxGraph, OnnxModel, OnnxTensor } from './model.js';
import { OnnxError } from './onnx-error.js';
import { GraphProto, ModelProto, TensorProto } from './schema.js';

/** What a protocol-buffers message may measure. */
const largestMessage = 2 ** 31 - 1;

/**
 * The bytes of a model file.
 * @throws OnnxError `ONNX_TOO_LARGE` when it would be 2 GiB or more, which no reader of ONNX takes as one file
 */
export function encodeOnnxModel(model: OnnxModel): Uint8Array {
  const pieces = modelPieces(model);
  const length = lengthOf(pieces);
  if (length > largestMessage) {
    throw new OnnxError(
      'ONNX_TOO_LARGE',
      `ONNX: expected a model below 2 GiB, got ${(length / 2 ** 30).toFixed(1)} GiB. Export a smaller network, or its safetensors.`,
    );
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const piece of pieces) {
    bytes.set(piece, offset);
    offset += piece.length;
  }
  return bytes;
}

/**
 * Reads a model file. The weights share the memory of `bytes`.
 * @throws OnnxError `ONNX_DAMAGED` when it is none
 */
export function decodeOnnxModel(bytes: Uint8Array): OnnxModel {
  let decoded: Partial<OnnxModel>;
  try {
    decoded = ModelProto.toObject(ModelProto.decode(bytes), { longs: Number, arrays: true }) as Partial<OnnxModel>;
  } catch (cause) {
    throw new OnnxError(
      'ONNX_DAMAGED',
      'ONNX: expected a model file, got other or damaged bytes. Export it again.',
      cause,
    );
  }
  if (decoded.graph === undefined) {
    throw new OnnxError('ONNX_DAMAGED', 'ONNX: expected a model with a graph, got none. Export it again.');
  }
  return decoded as OnnxModel;
}

/**
 * The file in pieces, of which the weights are the tensors' own memory. What protobufjs writes are the messages without
 * what is large; a message is the same whatever the order of its fields, so the large ones follow, each with its tag.
 */
function modelPieces({ graph, ...rest }: OnnxModel): Uint8Array[] {
  return [ModelProto.encode(rest).finish(), ...field(ModelProto, 'graph', graphPieces(graph))];
}

function graphPieces({ initializer, ...rest }: OnnxGraph): Uint8Array[] {
  const weights = initializer.flatMap((tensor) => field(GraphProto, 'initializer', tensorPieces(tensor)));
  return [GraphProto.encode(rest).finish(), ...weights];
}

function tensorPieces({ rawData, ...rest }: OnnxTensor): Uint8Array[] {
  return [TensorProto.encode(rest).finish(), ...field(TensorProto, 'rawData', [rawData])];
}

/** A field of known length: tag, length, content. */
function field(message: protobuf.Type, name: string, content: Uint8Array[]): Uint8Array[] {
  const lengthDelimited = 2;
  const tag = (message.fields[name].id << 3) | lengthDelimited;
  const head = protobuf.Writer.create().uint32(tag).uint64(lengthOf(content)).finish();
  return [head, ...content];
}

function lengthOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}
