/** @file Embeddings as a Parquet file: a row group for some thousand images, the features a list of floats. */
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { CompleteFile } from '../../data/complete-file.js';
import { descriptionKey, type EmbeddingsDescription } from './description.js';
import type { EmbeddedBatch } from './embed-images.js';
import type { RowFormat, RowFormatOptions } from './writers.js';

/** Rows of a group: they are in memory at once. */
const groupRows = 2048;

type Schema = ConstructorParameters<typeof ParquetWriter>[0]['schema'];

/** Columns `path`, `label`, `split` and, with classes, `predicted` and `probability`; `features` is a list<float>. */
export class ParquetRows implements RowFormat {
  readonly #file: CompleteFile;
  readonly #classes: EmbeddingsDescription['classes'];
  readonly #dim: number;
  readonly #bytes = new ByteWriter();
  readonly #writer: ParquetWriter;
  #waiting: EmbeddedBatch[] = [];
  #numWaiting = 0;

  constructor({ file, description, dim }: RowFormatOptions) {
    this.#file = file;
    this.#classes = description.classes;
    this.#dim = dim;
    this.#writer = new ParquetWriter({
      writer: this.#bytes,
      schema: schemaOf(description.classes !== null),
      kvMetadata: [{ key: descriptionKey, value: JSON.stringify(description) }],
      createdBy: `suave version ${description.suaveVersion}`,
    });
  }

  add(batch: EmbeddedBatch): void {
    this.#waiting.push(batch);
    this.#numWaiting += batch.images.length;
    if (this.#numWaiting >= groupRows) this.#writeGroup();
  }

  #writeGroup(): void {
    const images = this.#waiting.flatMap((batch) => batch.images);
    const dim = this.#dim;
    const columns = [
      { name: 'path', data: images.map(({ path }) => path) },
      { name: 'label', data: images.map(({ label }) => label) },
      { name: 'split', data: images.map(({ split }) => split) },
      ...(this.#classes === null ? [] : this.#answers(this.#classes)),
      {
        name: 'features',
        data: this.#waiting.flatMap(({ images: { length }, features }) =>
          Array.from({ length }, (_, i) => Array.from(features.subarray(i * dim, (i + 1) * dim))),
        ),
        encoding: 'PLAIN' as const,
        codec: 'UNCOMPRESSED' as const, // numbers of a network hardly shrink
        statistics: false,
      },
    ];
    this.#writer.write({ columnData: columns, rowGroupSize: groupRows * 2 });
    this.#waiting = [];
    this.#numWaiting = 0;
    this.#hand();
  }

  #answers(classes: readonly string[]) {
    const names = this.#waiting.flatMap(({ predicted }) => Array.from(predicted ?? [], (index) => classes[index]));
    const probabilities = this.#waiting.flatMap((batch) => Array.from(batch.probabilities ?? []));
    return [
      { name: 'predicted', data: names },
      { name: 'probability', data: probabilities },
    ];
  }

  /** Hands the bytes so far to the file. */
  #hand(): void {
    this.#file.append(this.#bytes.getBytes().slice());
    this.#bytes.index = 0;
  }

  end(): undefined {
    if (this.#numWaiting > 0) this.#writeGroup();
    this.#writer.finish();
    this.#hand();
  }
}

function schemaOf(hasClasses: boolean): Schema {
  const text = (name: string, repetition: 'REQUIRED' | 'OPTIONAL') =>
    ({ name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: repetition }) as const;
  const answers = [
    text('predicted', 'REQUIRED'),
    { name: 'probability', type: 'FLOAT', repetition_type: 'REQUIRED' } as const,
  ];
  const columns = [
    text('path', 'REQUIRED'),
    text('label', 'OPTIONAL'),
    text('split', 'OPTIONAL'),
    ...(hasClasses ? answers : []),
  ];
  return [
    { name: 'root', num_children: columns.length + 1 },
    ...columns,
    { name: 'features', repetition_type: 'REQUIRED', converted_type: 'LIST', num_children: 1 },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', type: 'FLOAT', repetition_type: 'REQUIRED' },
  ];
}
