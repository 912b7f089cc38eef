import { describe, expect } from 'vitest';
import { itOnDevice as test, testDevice } from '../../../../tests/fixtures/devices.js';
import { full, liveTensors, scope, type Tensor, zeros } from '../../../../tests/fixtures/torch-on-device.js';
import { AssignmentQueue, queueRows } from './queue.js';

function rows(queue: AssignmentQueue, crop: number): number[] {
  return scope(() => (queue.rows(crop).toArray() as number[][]).map(([first]) => first));
}

function batch(value: number): Tensor {
  return full([2, 3], value);
}

describe('queueRows', () => {
  test('is a multiple of the global batch, per rank', () => {
    expect(queueRows(3840, 32, 8)).toBe(480);
    expect(queueRows(100, 32, 1)).toBe(96);
    expect(queueRows(16, 32, 1)).toBe(0);
  });
});

describe('AssignmentQueue', () => {
  test('holds the newest first, drops the oldest, and is full after length / batch steps', () => {
    const queue = new AssignmentQueue({ crops: 2, rows: 4, dim: 3, dtype: 'float32', device: testDevice() });
    scope(() => queue.push([batch(1), batch(-1)]));
    expect([rows(queue, 0), rows(queue, 1)]).toEqual([
      [1, 1, 0, 0],
      [-1, -1, 0, 0],
    ]);
    expect([queue.filled, queue.isFull]).toEqual([2, false]);
    scope(() => queue.push([batch(2), batch(-2)]));
    expect(queue.isFull).toBe(true);
    scope(() => queue.push([batch(3), batch(-3)]));
    expect([rows(queue, 0), rows(queue, 1)]).toEqual([
      [3, 3, 2, 2],
      [-3, -3, -2, -2],
    ]);
    expect(queue.filled).toBe(4);
    queue.dispose();
  });

  test('restores rows and counter, and counts the rows of a file without a counter', () => {
    const [queue, copy] = [0, 1].map(
      () => new AssignmentQueue({ crops: 1, rows: 4, dim: 3, dtype: 'float32', device: testDevice() }),
    );
    scope(() => {
      queue.push([batch(5)]);
      copy.loadState(queue.state());
      expect([copy.filled, rows(copy, 0)]).toEqual([2, [5, 5, 0, 0]]);
      copy.loadState(new Map([['queue', queue.values.clone()]]));
      expect(copy.filled).toBe(2);
      copy.loadState(new Map([['queue', zeros([1, 4, 3])]]));
      expect(copy.filled).toBe(0);
      expect(() => copy.loadState(new Map([['queue', zeros([1, 8, 3])]]))).toThrow(
        /expected a tensor \[1, 4, 3\], got \[1, 8, 3\]/,
      );
    });
    queue.dispose();
    copy.dispose();
  });

  test('is freed by dispose', () => {
    const before = liveTensors().count;
    const queue = new AssignmentQueue({ crops: 2, rows: 4, dim: 3, dtype: 'float64', device: testDevice() });
    queue.dispose();
    expect(liveTensors().count).toBe(before);
  });
});
