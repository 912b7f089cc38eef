/** @file CIFAR's Python pickles: parsed as data, never executed. */
import { NumpyArray, type PickleValue, parsePickle } from '@suave/torch';
import { DataError } from '../errors.js';
import type { PackedPart } from './packed-forms.js';

/** A dictionary of a pickle by its keys as text; Python 3 may have written them as bytes. */
function readDictionary(bytes: Uint8Array, file: string): Map<string, PickleValue> {
  let value: PickleValue;
  try {
    value = parsePickle(bytes);
  } catch (cause) {
    throw wrong(file, `one that cannot be read (${cause instanceof Error ? cause.message : String(cause)})`, cause);
  }
  if (!(value instanceof Map)) throw wrong(file, 'another value');
  return new Map([...value].map(([key, entry]) => [textOf(key) ?? '', entry]));
}

function textOf(value: PickleValue): string | null {
  return typeof value === 'string'
    ? value
    : value instanceof Uint8Array
      ? new TextDecoder('latin1').decode(value)
      : null;
}

/**
 * Images and labels of a pickled batch.
 * @param labelsKey   key of the list of classes
 * @param imageBytes  bytes of an image
 * @throws DataError PACKED_FILE
 */
export function pickledPart(bytes: Uint8Array, file: string, labelsKey: string, imageBytes: number): PackedPart {
  const dictionary = readDictionary(bytes, file);
  const data = dictionary.get('data');
  const labels = dictionary.get(labelsKey);
  if (
    !(data instanceof NumpyArray) ||
    data.dtype !== 'uint8' ||
    data.shape.length !== 2 ||
    data.shape[1] !== imageBytes
  )
    throw wrong(file, `one without "data" as uint8 [images, ${imageBytes}]`);
  if (!Array.isArray(labels) || !labels.every(isLabel) || labels.length !== data.shape[0] || labels.length === 0)
    throw wrong(file, `one without "${labelsKey}", a list of ${data.shape[0]} class numbers`);
  return { bytes: data.data, start: 0, stride: imageBytes, labels: labels as number[] };
}

function isLabel(value: PickleValue): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0;
}

/**
 * Class names of a pickled description.
 * @throws DataError PACKED_FILE
 */
export function pickledClasses(bytes: Uint8Array, file: string, key: string): string[] {
  const names = readDictionary(bytes, file).get(key);
  if (!Array.isArray(names)) throw wrong(file, `one without "${key}"`);
  return names.map((name) => textOf(name) ?? '');
}

function wrong(file: string, got: string, cause?: unknown): DataError {
  return new DataError(
    `data: expected a pickled dictionary of CIFAR in "${file}", got ${got}. The file is damaged or another one; download the set again.`,
    { code: 'PACKED_FILE', file, cause },
  );
}
