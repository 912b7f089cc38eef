/** @file A NaN in the backward pass names the operator and the line of the forward call. */
import { describe, expect, it } from 'vitest';
import * as torch from '../index.js';
import { nextMessage, startWorker } from '../testing/in-worker.js';

function failureOf(body: () => void): torch.AnomalyError {
  try {
    body();
  } catch (error) {
    expect(error).toBeInstanceOf(torch.AnomalyError);
    return error as torch.AnomalyError;
  }
  throw new Error('nothing was thrown');
}

/** The line that the test looks for. */
function takesTheRoot(x: torch.Tensor): torch.Tensor {
  return x.sqrt();
}

describe('detectAnomaly', () => {
  it('names the operator, and the call of the forward pass', () => {
    const x = torch.tensor([0, 4], { requiresGrad: true });
    const error = failureOf(() =>
      torch.detectAnomaly(() => {
        expect(torch.isAnomalyEnabled()).toBe(true);
        takesTheRoot(x).mul(0).sum().backward();
      }),
    );
    expect(error.code).toBe('ERR_TORCH_ANOMALY');
    expect(error.operator).toBe('SqrtBackward0');
    expect(error.message).toMatch(/^backward: Function 'SqrtBackward0' returned nan values in its 0th output/);
    expect(error.message).toMatch(/SqrtBackward0 belongs to the call made here:\n\s+at .*takesTheRoot.*anomaly\.test/);
    expect(torch.isAnomalyEnabled()).toBe(false);
    expect(x.grad).toBeNull();
  });

  it('leaves everything as it was outside of the region', () => {
    const x = torch.tensor([0], { requiresGrad: true });
    const run = () => takesTheRoot(x).mul(0).sum().backward();
    run();
    expect(Number.isNaN(x.grad!.item())).toBe(true);
    failureOf(() => torch.detectAnomaly(run));
    run();
    expect(torch.detectAnomaly(() => 5)).toBe(5);
    expect(() => torch.detectAnomaly(async () => 1)).toThrow(/promise/);
    expect(torch.isAnomalyEnabled()).toBe(false);
  });

  it('says so when the forward pass was outside', () => {
    const x = torch.tensor([0], { requiresGrad: true });
    const y = takesTheRoot(x).mul(0).sum();
    expect(failureOf(() => torch.detectAnomaly(() => y.backward())).message).toMatch(
      /Function 'SqrtBackward0' returned nan/,
    );
  });

  it('points to the call whose operand was changed in place', () => {
    const x = torch.tensor([1, 2], { requiresGrad: true });
    const error = failureOf(() =>
      torch.detectAnomaly(
        () => {
          const y = x.mul(2);
          const z = takesTheSquare(y);
          y.add_(1);
          z.sum().backward();
        },
        { checkNan: false },
      ),
    );
    expect(error.message).toMatch(/modified by an inplace operation/);
    expect(error.message).toMatch(/takesTheSquare/);
    function takesTheSquare(y: torch.Tensor) {
      return y.mul(y);
    }
  });

  it('keeps the stacks alone when told not to search for NaN', () => {
    const x = torch.tensor([0], { requiresGrad: true });
    torch.detectAnomaly(() => takesTheRoot(x).mul(0).sum().backward(), { checkNan: false });
    expect(Number.isNaN(x.grad!.item())).toBe(true);
    // Of two regions the stricter one decides.
    torch.detectAnomaly(() => failureOf(() => torch.detectAnomaly(() => takesTheRoot(x).mul(0).sum().backward())), {
      checkNan: false,
    });
  });

  it('finds failures of second derivatives and of recomputed parts', () => {
    const x = torch.tensor([0], { requiresGrad: true });
    const second = failureOf(() =>
      torch.detectAnomaly(() => {
        const [slope] = torch.grad(x.pow(1.5).sum(), x, { createGraph: true });
        slope!.mul(0).sum().backward();
      }),
    );
    expect(second.message).toMatch(/anomaly\.test/);
    const recomputed = failureOf(() =>
      torch.detectAnomaly(() => torch.checkpoint(takesTheRoot, x).mul(0).sum().backward()),
    );
    expect(recomputed.operator).toBe('SqrtBackward0');
    expect(recomputed.message).toMatch(/takesTheRoot/);
  });

  it('ends with a thread that is terminated inside', async () => {
    const worker = startWorker(`torch.detectAnomaly(() => { parentPort.postMessage('inside'); for (;;); });`);
    expect(await nextMessage(worker)).toBe('inside');
    await worker.terminate();
    const x = torch.tensor([0], { requiresGrad: true });
    takesTheRoot(x).mul(0).sum().backward();
    expect(x.grad!.item()).toBeNaN();
  });
});
