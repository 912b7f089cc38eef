/** @file Files of embeddings that are written row by row and are either complete or absent. */
import { resolve } from 'node:path';
import { CompleteFile } from '../../data/complete-file.js';
import { type DescribedImage, formatCsv } from '../../data/index.js';
import { checkNewFile } from '../../out-file.js';
import type { EmbeddingsDescription } from './description.js';
import type { EmbeddedBatch } from './embed-images.js';
import { ParquetRows } from './parquet-rows.js';
import { SafetensorsRows } from './safetensors-rows.js';

/** Formats by the extension of the file. */
const extensions = ['.safetensors', '.parquet', '.csv'] as const;
type Extension = (typeof extensions)[number];

/** A format: it appends to a file what batches hold. */
export interface RowFormat {
  add(batch: EmbeddedBatch): void;
  /** Appends what comes last. @returns bytes that replace the beginning of the file, or undefined */
  end(): Uint8Array | undefined;
}

/** What a format is made for. */
export interface RowFormatOptions {
  readonly file: CompleteFile;
  readonly description: EmbeddingsDescription;
  /** D. */
  readonly dim: number;
  /** All images, those that may turn out to be unreadable included. */
  readonly images: readonly DescribedImage[];
}

/**
 * The format that the name of a file asks for, checked before any work.
 * @throws UsageError `OUT_FORMAT` for an unknown extension, `OUT_EXISTS`, `OUT_NO_FOLDER`
 */
export const checkEmbeddingsFile = (out: string): Extension => checkNewFile('embed', out, extensions);

/** A file of embeddings in the making. Begins with the first batch, so that nothing is left where there is none. */
export class EmbeddingsWriter {
  readonly #out: string;
  readonly #extension: Extension;
  readonly #description: EmbeddingsDescription;
  readonly #images: readonly DescribedImage[];
  #file: CompleteFile | null = null;
  #format: RowFormat | null = null;
  #numRows = 0;
  #dim = 0;

  constructor(out: string, description: EmbeddingsDescription, images: readonly DescribedImage[]) {
    this.#out = resolve(out);
    this.#extension = checkEmbeddingsFile(out);
    this.#description = description;
    this.#images = images;
  }

  /** Rows so far. */
  get numRows(): number {
    return this.#numRows;
  }

  /** D; 0 before the first batch. */
  get dim(): number {
    return this.#dim;
  }

  add(batch: EmbeddedBatch): void {
    if (this.#format === null) {
      this.#dim = batch.features.length / batch.images.length;
      this.#file = new CompleteFile(this.#out);
      this.#format = this.#create(this.#file);
    }
    this.#format.add(batch);
    this.#numRows += batch.images.length;
  }

  #create(file: CompleteFile): RowFormat {
    const options = { file, description: this.#description, dim: this.#dim, images: this.#images };
    switch (this.#extension) {
      case '.safetensors':
        return new SafetensorsRows(options);
      case '.parquet':
        return new ParquetRows(options);
      case '.csv':
        return new CsvRows(options);
    }
  }

  /** Completes the file. Call after at least one batch. */
  finish(): void {
    this.#file?.commit(this.#format?.end());
  }

  /** Leaves nothing behind. */
  discard(): void {
    this.#file?.discard();
  }
}

/** `path,label,split,predicted,probability,f0,f1,…`; floats in the fewest digits that give them back. */
class CsvRows implements RowFormat {
  readonly #file: CompleteFile;
  readonly #classes: readonly string[] | null;
  readonly #dim: number;

  constructor({ file, description, dim }: RowFormatOptions) {
    this.#file = file;
    this.#classes = description.classes;
    this.#dim = dim;
    const features = Array.from({ length: dim }, (_, d) => `f${d}`);
    this.#append([['path', 'label', 'split', ...(this.#classes === null ? [] : predictedColumns), ...features]]);
  }

  #append(records: readonly (readonly string[])[]): void {
    this.#file.append(Buffer.from(formatCsv(records)));
  }

  add({ images, features, predicted, probabilities }: EmbeddedBatch): void {
    this.#append(
      images.map(({ path, label, split }, i) => {
        const row = features.subarray(i * this.#dim, (i + 1) * this.#dim);
        const answer =
          this.#classes === null || predicted === null || probabilities === null
            ? []
            : [this.#classes[predicted[i]], shortest(probabilities[i])];
        return [path, label ?? '', split ?? '', ...answer, ...Array.from(row, shortest)];
      }),
    );
  }

  end(): undefined {}
}

/** Names of the columns of classes. */
const predictedColumns = ['predicted', 'probability'] as const;

/** A float32 in the fewest digits that give it back. */
function shortest(value: number): string {
  for (let digits = 6; digits < 9; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return String(Number(text));
  }
  return String(Number(value.toPrecision(9)));
}
