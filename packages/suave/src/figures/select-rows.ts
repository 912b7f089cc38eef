/** @file Rows of a matrix that lies row by row in one array. */

/** @returns a new matrix of the rows `indices` of `rows`, [indices.length · dim] */
export function selectRows(rows: Float32Array, dim: number, indices: readonly number[]): Float32Array {
  const selected = new Float32Array(indices.length * dim);
  indices.forEach((index, i) => {
    selected.set(rows.subarray(index * dim, (index + 1) * dim), i * dim);
  });
  return selected;
}
