/** @file What scopes hand over, refuse and free in odd places; counters. */
import { describe, expect, it } from 'vitest';
import * as torch from './index.js';
import { native } from './native.js';

const { scope, liveTensors } = torch;

/** Runs `body` and tells how many tensors it left behind. */
function left(body: () => unknown): number {
  const before = liveTensors().count;
  body();
  return liveTensors().count - before;
}

describe('what a scope returns', () => {
  class Pair {
    #hidden: torch.Tensor | null = null;
    constructor(
      readonly a: torch.Tensor,
      readonly inner: unknown = null,
    ) {}
    hide(tensor: torch.Tensor): this {
      this.#hidden = tensor;
      return this;
    }
    get hidden(): torch.Tensor | null {
      return this.#hidden;
    }
  }
  const one = () => torch.ones([2]);

  const shapes: [string, () => unknown, number][] = [
    ['a tensor', one, 1],
    ['an array', () => [one(), [one()]], 2],
    ['a map, its keys too', () => new Map([[one(), one()]]), 2],
    ['a set', () => new Set([one(), one()]), 2],
    ['an instance of a class', () => new Pair(one(), new Pair(one())), 2],
    ['an object without prototype', () => Object.assign(Object.create(null), { x: one() }), 1],
    ['deep nesting', () => ({ a: { b: { c: { d: { e: { f: [one()] } } } } } }), 1],
    ['one tensor many times', () => Array(20).fill(one()), 1],
    ['many tensors', () => Array.from({ length: 100 }, one), 100],
    ['nothing', () => void one(), 0],
    ['numbers', () => one().toArray(), 0],
    ['a typed array', () => one().data(), 0],
    [
      'a function, into which it cannot see',
      () =>
        (
          (x) => () =>
            x
        )(one()),
      0,
    ],
    ['a private field, which it cannot see', () => new Pair(one()).hide(one()), 1],
  ];
  for (const [name, make, count] of shapes)
    it(`${name}: ${count}`, () => {
      let result: unknown;
      const before = liveTensors().count;
      expect(left(() => (result = scope(make)))).toBe(count);
      // In another scope it is that one's, and freed there.
      expect(left(() => scope(() => void scope(make)))).toBe(0);
      expect(result === undefined).toBe(name === 'nothing');
      expect(liveTensors().count).toBe(before + count);
    });

  it('ends at cycles', () => {
    const result = scope(() => {
      const ring: { x: torch.Tensor; self?: unknown; list: unknown[] } = { x: one(), list: [] };
      ring.self = ring;
      ring.list.push(ring.list, ring);
      return ring;
    });
    expect(result.x.isDisposed).toBe(false);
    result.x.dispose();
  });

  it('leaves what was made outside to its own scope', () => {
    scope(() => {
      const outer = one();
      expect(scope(() => outer)).toBe(outer);
      scope(() => undefined);
      expect(outer.sum().item()).toBe(2);
      const module = scope(() => new torch.nn.Linear(2, 2));
      expect(module.parameters().every((parameter) => !parameter.isDisposed)).toBe(true);
      module.dispose();
    });
  });

  it('keeps in whatever order', () => {
    expect(
      left(() => {
        const kept = scope(() => torch.keep(torch.keep(one())));
        kept.dispose();
        expect(() => torch.keep(kept)).toThrow(torch.DisposedTensorError);
        // The slot is used again: its new tensor was not kept.
        scope(() => expect(one().sum().item()).toBe(2));
        const later = scope(() => scope(() => one()));
        torch.keep(later).dispose();
        scope(() => {
          const early = one();
          early.dispose();
          early.dispose();
        });
      }),
    ).toBe(0);
  });

  it('does not grow while a long scope disposes of its tensors one by one', () => {
    scope(() => {
      for (let i = 0; i < 200_000; i++) torch.tensor(i).dispose();
      const some = Array.from({ length: 500 }, one);
      for (let i = 0; i < 2000; i++) one().dispose();
      expect(some.every((x) => x.sum().item() === 2)).toBe(true);
    });
  });
});

describe('what a scope refuses', () => {
  it('an async function, before it runs', () => {
    let ran = false;
    const body = async () => {
      ran = true;
    };
    expect(() => scope(body)).toThrow(/synchronous function, got an async one.*Await outside/s);
    expect(ran).toBe(false);
  });

  it('generators, before they run', () => {
    function* steps() {
      yield 1;
    }
    expect(() => scope(steps)).toThrow(/got a generator, whose body runs later/);
    expect(() => scope(() => steps())).toThrow(/returns a generator, whose body runs later/);
    expect(() => scope(async function* () {})).toThrow(/synchronous/);
  });

  it('a promise: what was made before the first await is freed, and what fails after it is not reported a second time', async () => {
    const rejections: unknown[] = [];
    const listen = (reason: unknown) => rejections.push(reason);
    process.on('unhandledRejection', listen);
    try {
      const count = left(() => {
        const later = async () => {
          const x = torch.ones([2]);
          await null;
          return x.sum().item();
        };
        expect(() => scope(() => later())).toThrow(/synchronous function, got one that returns a promise/);
      });
      expect(count).toBe(0);
      await new Promise((resolve) => setImmediate(resolve));
      expect(rejections).toEqual([]);
    } finally {
      process.off('unhandledRejection', listen);
    }
  });
});

describe('exceptions', () => {
  it('free what each scope on the way made', () => {
    const order: string[] = [];
    expect(
      left(() => {
        expect(() =>
          scope(() => {
            torch.ones([1]);
            try {
              scope(() => {
                torch.ones([1]);
                scope(() => {
                  torch.ones([1]);
                  throw new Error('deep');
                });
              });
            } finally {
              order.push(scope(() => String(torch.ones([3]).sum().item())));
            }
          }),
        ).toThrow('deep');
        order.push('after');
      }),
    ).toBe(0);
    expect(order).toEqual(['3', 'after']);
  });

  it('caught inside, leave the outer scope whole', () => {
    scope(() => {
      const outer = torch.ones([2]);
      for (let i = 0; i < 3; i++) {
        expect(() =>
          scope(() => {
            torch.ones([5]);
            outer.add(torch.ones([3]));
          }),
        ).toThrow(torch.TorchError);
      }
      expect(outer.sum().item()).toBe(2);
    });
  });

  it('of a refused promise inside a scope too', () => {
    expect(
      left(() => expect(() => scope(() => scope(() => Promise.resolve(torch.ones([1]))))).toThrow(/promise/)),
    ).toBe(0);
    expect(left(() => scope(() => torch.ones([1])).dispose())).toBe(0);
  });

  it('thrown by callbacks of sort, map and getters, where scopes open again', () => {
    expect(
      left(() =>
        scope(() => {
          const values = [3, 1, 2].map((value) => torch.tensor(value));
          values.sort((a, b) => scope(() => a.sub(b).item()));
          expect(values.map((value) => value.item())).toEqual([1, 2, 3]);
          const lazy = {
            get x() {
              return scope(() => torch.ones([2]).add(1));
            },
          };
          expect(lazy.x.toArray()).toEqual([2, 2]);
        }),
      ),
    ).toBe(0);
  });
});

describe('counters', () => {
  it('tell tensors and bytes, each storage once, by device', () => {
    const before = liveTensors();
    const byDevice = torch.liveTensorsByDevice().cpu ?? { count: 0, bytes: 0 };
    const x = torch.ones([1000]);
    const view = x.at(torch.slice(0, 10));
    expect(liveTensors()).toEqual({ count: before.count + 2, bytes: before.bytes + 4000 });
    expect(torch.liveTensorsByDevice().cpu).toEqual({ count: byDevice.count + 2, bytes: byDevice.bytes + 4000 });
    x.dispose();
    expect(liveTensors()).toEqual({ count: before.count + 1, bytes: before.bytes + 4000 });
    view.dispose();
    expect(liveTensors()).toEqual(before);
  });

  it('tell the peak until it is reset', () => {
    torch.peakLiveTensors({ reset: true });
    const before = liveTensors().count;
    scope(() => Array.from({ length: 30 }, () => torch.ones([1])).length);
    expect(torch.peakLiveTensors()).toBe(before + 30);
    expect(torch.peakLiveTensors({ reset: true })).toBe(before + 30);
    expect(torch.peakLiveTensors()).toBe(before);
  });

  it('say which line a leak comes from', () => {
    const tracker = torch.trackTensors();
    const leaks: torch.Tensor[] = [];
    function leaky(): void {
      leaks.push(torch.zeros([3, 4]));
    }
    for (let i = 0; i < 5; i++) leaky();
    scope(() => torch.ones([100]).mul(2).sum().item());
    const report = tracker.report();
    tracker.stop();
    torch.ones([7]).dispose();
    expect(report).toHaveLength(1);
    expect(report[0]).toMatchObject({ count: 5, bytes: 5 * 48, example: 'float32[3, 4] on cpu' });
    expect(report[0]!.stack.split('\n')[0]).toMatch(/leaky .*scope-results\.test\.ts/);
    for (const leak of leaks) leak.dispose();
    expect(tracker.report()).toEqual([]);
    // Scopes and the finalization net work as before.
    expect(left(() => scope(() => torch.ones([1]).add(1).item()))).toBe(0);
  });
});

it('refuses one tensor too many with a typed error, and everything lives on', () => {
  const first = torch.ones([1]);
  const error = scope(() => {
    try {
      for (;;) for (let i = 0; i < 1000; i++) native.alias(first.handle);
    } catch (thrown) {
      return thrown;
    }
  });
  expect(error).toBeInstanceOf(torch.TorchError);
  expect(error).toMatchObject({ code: 'ERR_TORCH_TENSOR_LIMIT', message: expect.stringMatching(/into a scope/) });
  expect(first.item()).toBe(1);
  first.dispose();
});
