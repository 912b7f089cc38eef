/** @file What TensorBoard's projector reads from the folder of a run: points, what each one is, and a picture of each. */
import { join } from 'node:path';
import { writeFileAtomic } from '../atomic-write.js';

/** Points with their descriptions. */
export interface ProjectorPoints {
  /** [count, dim], row by row. */
  readonly rows: Float32Array;
  readonly dim: number;
  /** Names of what is known of each point. */
  readonly columns: readonly string[];
  /** One line a point, in the order of `columns`. */
  readonly metadata: readonly (readonly string[])[];
  /** All thumbnails in one PNG, row by row in a square, the points that have one first. */
  readonly sprite: { readonly png: Uint8Array; readonly side: number };
}

const config = (name: string, side: number): string => `embeddings {
  tensor_name: "${name}"
  tensor_path: "${name}.tsv"
  metadata_path: "metadata.tsv"
  sprite {
    image_path: "sprite.png"
    single_image_dim: ${side}
    single_image_dim: ${side}
  }
}
`;

/** Writes `NAME.tsv`, `metadata.tsv`, `sprite.png` and, last, `projector_config.pbtxt` into the folder of a stage. */
export function writeProjector(folder: string, name: string, points: ProjectorPoints): void {
  const { rows, dim, columns, metadata, sprite } = points;
  const lines = metadata.map((_, i) =>
    Array.from(rows.subarray(i * dim, (i + 1) * dim), (value) => Number(value.toPrecision(6))).join('\t'),
  );
  writeFileAtomic(join(folder, `${name}.tsv`), `${lines.join('\n')}\n`);
  writeFileAtomic(join(folder, 'metadata.tsv'), table(columns, metadata));
  writeFileAtomic(join(folder, 'sprite.png'), sprite.png);
  writeFileAtomic(join(folder, 'projector_config.pbtxt'), config(name, sprite.side));
}

/** One column stands without a heading, several need one: so the projector reads it. */
function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = columns.length > 1 ? [columns, ...rows] : rows;
  return `${all.map((row) => row.map(cell).join('\t')).join('\n')}\n`;
}

/** Text without what separates cells and lines. */
const cell = (text: string): string => text.replace(/[\t\r\n]/g, ' ');
