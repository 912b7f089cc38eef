/** @file Inference mode, and the modes of other threads. */
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import * as torch from '../index.js';

describe('inferenceMode', () => {
  it('records nothing and says so', () => {
    const x = torch.tensor([2], { requiresGrad: true });
    expect(torch.isInferenceModeEnabled()).toBe(false);
    const y = torch.inferenceMode(() => {
      expect([torch.isInferenceModeEnabled(), torch.isGradEnabled()]).toEqual([true, false]);
      return x.mul(3);
    });
    expect([y.requiresGrad, y.item()]).toEqual([false, 6]);
    expect([torch.isInferenceModeEnabled(), torch.isGradEnabled()]).toEqual([false, true]);
  });

  it('gives tensors that no graph can hold, with errors that say so', () => {
    const x = torch.tensor([2], { requiresGrad: true });
    const y = torch.inferenceMode(() => torch.ones([1]).mul(3));
    expect(() => x.mul(y)).toThrow(/[Ii]nference tensors cannot be saved for backward/);
    expect(() => y.clone().add_(1).mul(x)).not.toThrow();
    expect(() => torch.checkpoint((a: torch.Tensor) => a.mul(x), y)).toThrow(/[Ii]nference tensors cannot be saved/);
    expect(() => {
      y.requiresGrad = true;
    }).toThrow(/[Ii]nference/);
    const ordinary = y.clone();
    x.mul(ordinary).sum().backward();
    expect(x.grad!.item()).toBe(3);
    expect(torch.inferenceMode(() => y.add_(1).item())).toBe(4);
    expect(() => y.add_(1)).toThrow(/Inplace update to inference tensor outside InferenceMode is not allowed/);
  });

  it('nests with itself and the other modes', () => {
    const x = torch.tensor([2], { requiresGrad: true });
    torch.inferenceMode(() => {
      expect(torch.inferenceMode(() => x.mul(2).requiresGrad, false)).toBe(true);
      expect(torch.isInferenceModeEnabled()).toBe(true);
      torch.noGrad(() => torch.inferenceMode(() => expect(torch.isInferenceModeEnabled()).toBe(true)));
      expect(torch.isInferenceModeEnabled()).toBe(true);
      torch.enableGrad(() => expect(x.mul(2).requiresGrad).toBe(false));
      const casted = torch.autocast('cpu', 'bfloat16', () => torch.ones([2, 2]).matmul(torch.ones([2, 2])));
      expect(casted.dtype).toBe('bfloat16');
    });
    torch.noGrad(() => {
      torch.inferenceMode(() => x.mul(2));
      expect(torch.isGradEnabled()).toBe(false);
    });
    expect(torch.isGradEnabled()).toBe(true);
  });

  it('ends with exceptions, and refuses async bodies', () => {
    expect(() => torch.inferenceMode(() => torch.ones([2]).view([7]))).toThrow(torch.TorchError);
    expect(torch.isInferenceModeEnabled()).toBe(false);
    expect(() => torch.inferenceMode(async () => 1)).toThrow(/promise/);
    expect(() => torch.noGrad(async () => 1)).toThrow(/promise/);
    expect([torch.isInferenceModeEnabled(), torch.isGradEnabled()]).toEqual([false, true]);
  });
});

/** Runs compiled code in a worker: the package itself loads there. */
function inWorker(body: string): Promise<unknown> {
  const door = new URL('../../dist/index.js', import.meta.url).href;
  const code = `import * as torch from ${JSON.stringify(door)}; import { parentPort } from 'node:worker_threads'; parentPort.postMessage((() => { ${body} })());`;
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`));
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

describe('worker threads', () => {
  const modes =
    '[torch.isGradEnabled(), torch.isInferenceModeEnabled(), torch.autocastDtype("cpu"), torch.isAnomalyEnabled()]';
  it('have modes of their own', async () => {
    let theirs: Promise<unknown> | undefined;
    torch.inferenceMode(() =>
      torch.autocast('cpu', 'bfloat16', () =>
        torch.detectAnomaly(() => {
          theirs = inWorker(`return ${modes}`);
        }),
      ),
    );
    expect(await theirs).toEqual([true, false, null, false]);
    const inside = `torch.noGrad(() => torch.autocast('cpu', 'bfloat16', () => torch.detectAnomaly(() => ${modes})))`;
    expect(await inWorker(`return ${inside}`)).toEqual([false, false, 'bfloat16', true]);
    expect([torch.isGradEnabled(), torch.autocastDtype('cpu'), torch.isAnomalyEnabled()]).toEqual([true, null, false]);
  });

  it('checkpoint, differentiate and find anomalies beside each other', async () => {
    const body = `
      const x = torch.ones([8]); x.requiresGrad = true;
      for (let i = 0; i < 20; i++) torch.scope(() => torch.checkpoint((a) => torch.dropout(a.exp(), 0.5, true).sin(), x).sum().backward());
      let found = '';
      try { torch.detectAnomaly(() => torch.scope(() => x.sub(1).sqrt().mul(0).sum().backward())); } catch (error) { found = error.operator; }
      return [found, torch.liveTensors().count];`;
    const results = await Promise.all([inWorker(body), inWorker(body), inWorker(body)]);
    expect(results).toEqual([1, 2, 3].map(() => ['SqrtBackward0', 1]));
  });
});
