import { getNumThreads, liveTensors, setNumThreads } from '@suave/torch';
import { afterAll, describe, expect, it } from 'vitest';
import { drawKey } from '../augment/index.js';
import { nearestNeighbours } from './nearest-neighbours.js';
import { principalPlane } from './principal-plane.js';
import { projectTo2d } from './umap.js';

const threads = getNumThreads();
afterAll(() => setNumThreads(threads));

/** Rows around `groups` far centers, row i of group i mod groups. */
function groupedRows(count: number, dim: number, groups: number, spread = 0.3): Float32Array {
  const draws = drawKey(1, 0, 'other', 0, 0, 0, 0, 'figure');
  const centers = Float64Array.from({ length: groups * dim }, () => 2 * draws.normal());
  return Float32Array.from({ length: count * dim }, (_, i) => {
    const [row, d] = [Math.floor(i / dim), i % dim];
    return centers[(row % groups) * dim + d] + spread * draws.normal();
  });
}

const bytesOf = (values: ArrayBufferView) => Buffer.from(values.buffer, values.byteOffset, values.byteLength);

describe('nearestNeighbours', () => {
  it('finds what comparing all pairs finds, each row first', async () => {
    const [count, dim, k] = [150, 6, 7];
    const rows = groupedRows(count, dim, 3, 1);
    const found = await nearestNeighbours(rows, count, dim, k);
    const row = (i: number) => rows.subarray(i * dim, (i + 1) * dim);
    for (let i = 0; i < count; i++) {
      const distances = Array.from({ length: count }, (_, j) => Math.hypot(...row(i).map((x, d) => x - row(j)[d])));
      const expected = [...distances.keys()].sort((a, b) => distances[a] - distances[b]).slice(0, k);
      expect([...found.indices.subarray(i * k, (i + 1) * k)]).toEqual(expected);
      expected.forEach((j, position) => {
        expect(found.distances[i * k + position]).toBeCloseTo(distances[j], 5);
      });
    }
  });

  it('tells rows apart that lie close together, far from the origin', async () => {
    const rows = Float32Array.from({ length: 40 }, (_, i) => 4096 + i ** 2 / 512);
    const { indices } = await nearestNeighbours(rows, 40, 1, 2);
    for (let i = 1; i < 40; i++) expect(indices[2 * i + 1]).toBe(i - 1);
  });

  it('has as many equal rows as neighbours, and leaves no tensors', async () => {
    const before = liveTensors().count;
    const { indices, distances } = await nearestNeighbours(new Float32Array(60).fill(0.25), 30, 2, 4);
    expect([...distances]).toEqual(new Array(120).fill(0));
    for (let i = 0; i < 30; i++) {
      expect(indices[4 * i]).toBe(i);
      expect(new Set(indices.subarray(4 * i, 4 * i + 4)).size).toBe(4);
    }
    expect(liveTensors().count).toBe(before);
  });

  it('stops when asked', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(nearestNeighbours(groupedRows(20, 3, 2), 20, 3, 2, { signal })).rejects.toThrow('enough');
  });
});

describe('principalPlane', () => {
  it('finds the directions of most variance', async () => {
    const draws = drawKey(2, 0, 'other', 0, 0, 0, 0, 'figure');
    const hidden = Array.from({ length: 200 }, () => [8 * draws.normal(), 3 * draws.normal()]);
    const rows = Float32Array.from(hidden.flatMap(([u, v]) => [5 + 0.6 * u, 0.8 * u, v, 0.01 * draws.normal()]));
    const plane = await principalPlane(rows, 200, 4, { seed: 0 });
    const correlation = (axis: number, values: readonly number[]) => {
      const own = hidden.map((_, i) => plane[2 * i + axis]);
      const center = (list: readonly number[]) => {
        const mean = list.reduce((a, b) => a + b) / list.length;
        return list.map((x) => x - mean);
      };
      const [a, b] = [center(own), center(values)];
      const dot = (x: number[], y: number[]) => x.reduce((sum, value, i) => sum + value * y[i], 0);
      return Math.abs(dot(a, b)) / Math.sqrt(dot(a, a) * dot(b, b));
    };
    const hiddenAxis = (axis: number) => hidden.map((pair) => pair[axis]);
    expect(correlation(0, hiddenAxis(0))).toBeGreaterThan(0.98);
    expect(correlation(1, hiddenAxis(1))).toBeGreaterThan(0.98);
    expect(plane.reduce((most, x) => Math.max(most, Math.abs(x)), 0)).toBe(1);
  });
});

describe('projectTo2d', () => {
  it('puts groups apart, the same numbers twice and with any thread count', async () => {
    const [count, dim, groups] = [240, 16, 4];
    const rows = groupedRows(count, dim, groups);
    const before = liveTensors().count;
    const done: string[] = [];
    setNumThreads(1);
    const first = await projectTo2d(rows, count, dim, {
      seed: 3,
      epochs: 100,
      onProgress: (what, i, n) => done.push(`${what} ${i}/${n}`),
    });
    expect(liveTensors().count).toBe(before);
    expect(done).toContain('nearest neighbours 240/240');
    expect(done.at(-1)).toBe('map 100/100');
    setNumThreads(2);
    const again = await projectTo2d(rows, count, dim, { seed: 3, epochs: 100 });
    expect(bytesOf(again)).toEqual(bytesOf(first));
    const other = await projectTo2d(rows, count, dim, { seed: 4, epochs: 100 });
    expect(bytesOf(other)).not.toEqual(bytesOf(first));
    const { indices } = await nearestNeighbours(first, count, 2, 6);
    const ofOwnGroup = indices.filter((j, i) => j % groups === Math.floor(i / 6) % groups).length;
    expect(ofOwnGroup / indices.length).toBe(1);
  });

  it('keeps the order of groups along a line', async () => {
    const [count, groups] = [300, 10];
    const draws = drawKey(5, 0, 'other', 0, 0, 0, 0, 'figure');
    const rows = Float32Array.from({ length: count * 3 }, (_, i) => {
      const group = Math.floor(i / 3) % groups;
      return (i % 3 === 0 ? 20 * group : 0) + 0.1 * draws.normal();
    });
    const points = await projectTo2d(rows, count, 3, { seed: 0, epochs: 200 });
    const x = Array.from({ length: groups }, (_, group) => {
      const own = Array.from({ length: count }, (_, i) => i).filter((i) => i % groups === group);
      return own.reduce((sum, i) => sum + points[2 * i], 0) / own.length;
    });
    const rank = x.map((value) => x.filter((other) => other < value).length);
    const middle = (groups - 1) / 2;
    const agreement = rank.reduce((sum, r, group) => sum + (r - middle) * (group - middle), 0);
    const most = rank.reduce((sum, r) => sum + (r - middle) ** 2, 0);
    expect(Math.abs(agreement / most)).toBeGreaterThan(0.75); // 0 on average from a random start
  });

  it.each([0, 1, 2, 3, 4, 5, 16])('places %i points', async (count) => {
    const points = await projectTo2d(groupedRows(count, 5, 2), count, 5, { seed: 0 });
    expect(points).toHaveLength(2 * count);
    expect(points.every(Number.isFinite)).toBe(true);
    const places = new Set(Array.from({ length: count }, (_, i) => `${points[2 * i]} ${points[2 * i + 1]}`));
    expect(places.size).toBe(count);
  });

  it('keeps the distances of three points', async () => {
    const points = await projectTo2d(Float32Array.of(0, 0, 0, 3, 0, 0, 0, 4, 0), 3, 3, { seed: 0 });
    const distance = (a: number, b: number) =>
      Math.hypot(points[2 * a] - points[2 * b], points[2 * a + 1] - points[2 * b + 1]);
    expect(distance(0, 2) / distance(0, 1)).toBeCloseTo(4 / 3, 3);
    expect(distance(1, 2) / distance(0, 1)).toBeCloseTo(5 / 3, 3);
  });

  it('gives equal rows one point, also where all are equal', async () => {
    const rows = groupedRows(60, 4, 3);
    for (let i = 30; i < 60; i++) rows.set(rows.subarray(4 * (i - 30), 4 * (i - 29)), 4 * i);
    const points = await projectTo2d(rows, 60, 4, { seed: 0, epochs: 50 });
    expect(bytesOf(points.subarray(60))).toEqual(bytesOf(points.slice(0, 60)));
    const same = await projectTo2d(new Float32Array(400).fill(1), 100, 4, { seed: 0 });
    expect(new Set(same).size).toBe(1);
  });

  it('places rows of one number', async () => {
    const points = await projectTo2d(
      Float32Array.from({ length: 40 }, (_, i) => i),
      40,
      1,
      { seed: 0, epochs: 50 },
    );
    expect(points.every(Number.isFinite)).toBe(true);
  });

  it('stops between epochs, and refuses rows that are no numbers', async () => {
    const controller = new AbortController();
    const epochs: number[] = [];
    const work = projectTo2d(groupedRows(50, 4, 2), 50, 4, {
      seed: 0,
      signal: controller.signal,
      onProgress: (what, done) => {
        if (what !== 'map') return;
        epochs.push(done);
        if (done === 3) controller.abort(new Error('enough'));
      },
    });
    await expect(work).rejects.toThrow('enough');
    expect(epochs).toEqual([1, 2, 3]);
    const rows = groupedRows(10, 4, 2);
    rows[9] = Number.NaN;
    await expect(projectTo2d(rows, 10, 4, { seed: 0 })).rejects.toThrow(/got NaN in row 2/);
  });
});
