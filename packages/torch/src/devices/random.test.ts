/** @file Random states: what was drawn after a state was taken is drawn again after it was put back. */
import { describe, expect, it } from 'vitest';
import * as torch from '../index.js';

const draw = (options: { generator?: torch.Generator } = {}) =>
  torch.scope(() =>
    (options.generator ? torch.randn([5], { generator: options.generator }) : torch.randn([5])).toArray(),
  );

describe('the generator of the cpu', () => {
  it('goes on from a state', () => {
    torch.manualSeed(7);
    draw();
    const state = torch.getRngState();
    expect([state.dtype, state.rank, state.device]).toEqual(['uint8', 1, 'cpu']);
    expect(state.numel).toBe(5056); // as torch.get_rng_state() in Python
    const first = draw();
    expect(draw()).not.toEqual(first);
    torch.setRngState(state);
    expect(draw()).toEqual(first);
    state.dispose();
  });

  it('comes back after forkRng, also when the body throws', () => {
    torch.manualSeed(8);
    const first = draw();
    torch.manualSeed(8);
    const before = torch.liveTensors().count;
    const inside = torch.forkRng(() => {
      torch.manualSeed(9);
      return draw();
    });
    expect(inside).not.toEqual(first);
    expect(() =>
      torch.forkRng(() => {
        draw();
        throw new Error('in the body');
      }),
    ).toThrow('in the body');
    expect(() => torch.forkRng(async () => 1)).toThrow(torch.ArgumentError);
    expect(draw()).toEqual(first);
    expect(torch.liveTensors().count).toBe(before);
  });

  it('refuses what is no state', () => {
    const state = torch.getRngState();
    torch.scope(() => {
      expect(() => torch.setRngState(torch.ones([5056]))).toThrow(torch.ArgumentError);
      expect(() => torch.setRngState(torch.zeros([3], { dtype: 'uint8' }))).toThrow(torch.TorchError);
      expect(() => torch.getRngState('meta')).toThrow(torch.ArgumentError);
    });
    torch.setRngState(state);
    state.dispose();
  });
});

describe('a generator of its own', () => {
  it('goes on from a state, and leaves the other ones alone', () => {
    using generator = new torch.Generator({ seed: 3 });
    expect(generator.device).toBe('cpu');
    torch.manualSeed(1);
    const others = draw();
    torch.manualSeed(1);
    draw({ generator });
    const state = generator.getState();
    const first = draw({ generator });
    generator.setState(state);
    expect(draw({ generator })).toEqual(first);
    using twin = new torch.Generator();
    twin.setState(state);
    expect(draw({ generator: twin })).toEqual(first);
    expect(draw()).toEqual(others);
    state.dispose();
  });

  it('is refused after its disposal', () => {
    const generator = new torch.Generator();
    generator.dispose();
    expect(() => generator.getState()).toThrow(torch.ArgumentError);
    expect(() => generator.device).toThrow(torch.ArgumentError);
  });
});
