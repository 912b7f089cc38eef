/**
 * @file Captures that CUDA or its allocator breaks off: an error, and the process goes on. In a file of its own, since the tests of a
 * file share a process. Without a device every test is skipped, and says so.
 */
import { expect } from 'vitest';
import { onCuda } from '../../../../tests/fixtures/on-cuda.js';
import * as torch from '../index.js';

const { cuda } = torch;

/** The graph can be captured and replayed after all that went wrong. */
function expectUsable(graph: torch.cuda.Graph): void {
  expect(graph.isCaptured).toBe(false);
  expect(cuda.isCurrentStreamCapturing()).toBe(false);
  torch.scope(() => {
    const x = torch.ones([8], { device: 'cuda' });
    const y = graph.capture(() => x.mul(2).add(1));
    x.fill_(4);
    graph.replay();
    expect(y.toArray()).toEqual(new Array(8).fill(9));
  });
  graph.reset();
}

onCuda('out of memory inside a capture abandons it', ['graphs'], () => {
  using graph = new cuda.Graph();
  expect(() => graph.capture(() => void torch.empty([2 ** 43], { dtype: 'uint8', device: 'cuda' }))).toThrow(
    torch.OutOfMemoryError,
  );
  expectUsable(graph);
});

onCuda('a copy out of pageable memory inside a capture is an error, and the next capture works', ['graphs'], () => {
  torch.scope(() => {
    const host = torch.ones([1024]);
    const place = torch.zeros([1024], { device: 'cuda' });
    using graph = new cuda.Graph();
    for (const copy of [() => host.cuda(), () => place.copy_(host), () => place.cpu()])
      expect(() => graph.capture(() => void copy())).toThrow(torch.TorchError);
    expect(graph.isCaptured).toBe(false);
    expect(place.add(1).sum().item()).toBe(1024);
    expectUsable(graph);
  });
});
