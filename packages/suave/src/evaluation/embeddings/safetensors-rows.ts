/**
 * @file Embeddings as a safetensors file whose rows are written as they come: the header's place is kept free for as many rows as there may
 * be, and filled in at the end. Legend: N rows, D features.
 */
import type { CompleteFile } from '../../data/complete-file.js';
import { splitNames } from '../../data/index.js';
import { classIndexOf, nameKey } from '../../data/natural-order.js';
import { DataError } from '../../errors.js';
import { descriptionKey, type EmbeddingsDescription } from './description.js';
import type { EmbeddedBatch } from './embed-images.js';
import type { RowFormat, RowFormatOptions } from './writers.js';

/** Columns of whole numbers and probabilities, in the order of the file: all of them have 4 bytes, so every tensor is aligned. */
const numberColumns = { label: 'I32', split: 'I32', predicted: 'I32', probability: 'F32' } as const;
type NumberColumn = keyof typeof numberColumns;

/** What readers accept. */
const maxHeaderBytes = 100_000_000;

/** `features` [N, D], `label`, `split` and, with classes, `predicted` and `probability` [N]; paths in the metadata. */
export class SafetensorsRows implements RowFormat {
  readonly #file: CompleteFile;
  readonly #description: EmbeddingsDescription;
  readonly #dim: number;
  readonly #paths: string[] = [];
  readonly #columns: Record<NumberColumn, number[]> = { label: [], split: [], predicted: [], probability: [] };
  readonly #labels: ReadonlyMap<string, number>;
  readonly #headBytes: number;

  /** @throws DataError where the paths need a larger header than readers accept */
  constructor({ file, description, dim, images }: RowFormatOptions) {
    this.#file = file;
    this.#description = description;
    this.#dim = dim;
    this.#labels = classIndexOf(description.labels);
    const largest = this.#header(images.map(({ path }) => path));
    if (largest.length > maxHeaderBytes) {
      throw new DataError(
        `suave embed: expected paths that fit into the header of a safetensors file, got ${largest.length} bytes. Write a .parquet file instead.`,
        { code: 'HEADER_TOO_LARGE' },
      );
    }
    this.#headBytes = Math.ceil(largest.length / 8) * 8;
    file.append(new Uint8Array(8 + this.#headBytes));
  }

  add({ images, features, predicted, probabilities }: EmbeddedBatch): void {
    this.#file.append(new Uint8Array(features.buffer, features.byteOffset, features.byteLength));
    const columns = this.#columns;
    for (const [i, { path, label, split }] of images.entries()) {
      this.#paths.push(path);
      columns.label.push(label === null ? -1 : (this.#labels.get(nameKey(label)) ?? -1));
      columns.split.push(split === null ? -1 : splitNames.indexOf(split));
      if (predicted !== null) columns.predicted.push(predicted[i]);
      if (probabilities !== null) columns.probability.push(probabilities[i]);
    }
  }

  end(): Uint8Array {
    for (const name of this.#columnNames()) {
      const Numbers = numberColumns[name] === 'I32' ? Int32Array : Float32Array;
      this.#file.append(new Uint8Array(Numbers.from(this.#columns[name]).buffer));
    }
    const head = new Uint8Array(8 + this.#headBytes).fill(0x20);
    new DataView(head.buffer).setBigUint64(0, BigInt(this.#headBytes), true);
    head.set(this.#header(this.#paths), 8);
    return head;
  }

  #columnNames(): NumberColumn[] {
    const names = Object.keys(numberColumns) as NumberColumn[];
    return this.#description.classes === null ? names.slice(0, 2) : names;
  }

  /** The header for rows of given paths, without padding. */
  #header(paths: readonly string[]): Uint8Array {
    const numRows = paths.length;
    const metadata = {
      format: 'pt',
      [descriptionKey]: JSON.stringify(this.#description),
      paths: JSON.stringify(paths),
    };
    let position = 4 * numRows * this.#dim;
    const entries: Record<string, object> = {
      __metadata__: metadata,
      features: { dtype: 'F32', shape: [numRows, this.#dim], data_offsets: [0, position] },
    };
    for (const name of this.#columnNames()) {
      entries[name] = {
        dtype: numberColumns[name],
        shape: [numRows],
        data_offsets: [position, position + 4 * numRows],
      };
      position += 4 * numRows;
    }
    return new TextEncoder().encode(JSON.stringify(entries));
  }
}
