/** @file Errors that libtorch has no types for are told by its words, as they read in the versions supported. */
import { expect, it } from 'vitest';
import { CaptureError, DeviceError, OutOfMemoryError, TorchError, torchError } from './errors.js';

const built = () => true;
const notBuilt = () => false;

it.each([
  [
    'CUDA out of memory. Tried to allocate 20.50 GiB (GPU 0; 79.15 GiB total capacity; 1.00 GiB already allocated)',
    20.5 * 2 ** 30,
  ],
  ['CUDA out of memory. Tried to allocate 512.00 MiB. GPU 0 has a total capacity of 23.65 GiB', 512 * 2 ** 20],
  ["DefaultCPUAllocator: can't allocate memory: you tried to allocate 40000 bytes. Error code 12", 40000],
  ['CUDA error: out of memory', undefined],
])('memory: %s', (message, requestedBytes) => {
  const error = torchError('ERR_TORCH_OPERATOR', 'aten::empty', 'size: 1', message, built);
  expect(error).toBeInstanceOf(OutOfMemoryError);
  expect(error).toMatchObject({ code: 'ERR_TORCH_OUT_OF_MEMORY', requestedBytes, operator: 'aten::empty' });
  expect(error.message).toContain(message);
  expect(error.message).toContain('smaller batches');
});

it.each([
  'CUDA error: operation not permitted when stream is capturing',
  'CUDA error: operation failed due to a previous error during capture\nStreamCaptureInvalidated',
])('capture: %s', (message) => {
  expect(torchError('ERR_TORCH_OPERATOR', 'aten::item', '', message, built)).toBeInstanceOf(CaptureError);
});

it.each([
  'PyTorch is not linked with support for cuda devices',
  'Cannot initialize CUDA without ATen_cuda library. PyTorch splits its backend into two',
  "Could not run 'aten::empty.memory_format' with arguments from the 'CUDA' backend. This could be because\nCPU: registered at",
])('no CUDA: %s', (message) => {
  const error = torchError('ERR_TORCH_OPERATOR', 'aten::ones', 'size: 2', message, notBuilt);
  expect(error).toBeInstanceOf(DeviceError);
  expect(error).toMatchObject({ code: 'ERR_TORCH_NO_CUDA' });
  expect(error.message).toBe(
    "aten::ones(size: 2): this libtorch has no CUDA. Use a libtorch with CUDA, or the device 'cpu'.",
  );
});

it.each([
  ['aten::pin_memory', 'Cannot access accelerator device when none is available.'],
  [
    'aten::zeros',
    'pin_memory=True requires a CUDA or other accelerator backend; no pinned memory allocator is available.',
  ],
  ['aten::zeros', 'Pinned memory requires CUDA. PyTorch splits its backend into two shared libraries'],
])('no CUDA: %s, %s', (operator, message) => {
  const error = torchError('ERR_TORCH_OPERATOR', operator, '', message, notBuilt);
  expect(error).toMatchObject({ code: 'ERR_TORCH_NO_CUDA' });
  expect(error.message).toContain('pinned memory needs CUDA, and this libtorch has none.');
});

it('a kernel that CUDA lacks is no missing CUDA', () => {
  const message =
    "Could not run 'aten::mkldnn_linear' with arguments from the 'CUDA' backend. It is only available for";
  const error = torchError('ERR_TORCH_OPERATOR', 'aten::mkldnn_linear', '', message, built);
  expect(error).toBeInstanceOf(TorchError);
  expect(error).not.toBeInstanceOf(DeviceError);
  expect(error).toMatchObject({ code: 'ERR_TORCH_OPERATOR' });
});

it.each([
  [
    'CUDA out of memory. Tried to allocate 25.50 GiB. GPU 0 has a total capacity of 79.25 GiB of which 24.50 GiB is free. ' +
      'Including non-PyTorch memory, this process has 54.59 GiB memory in use. Process 42728 has 3.66 GiB memory in use. ' +
      'Of the allocated memory 23.50 GiB is allocated by PyTorch, with 9.93 GiB allocated in private pools (e.g., CUDA Graphs), ' +
      'and 30.25 GiB is reserved by PyTorch but unallocated. If reserved but unallocated memory is large try setting ' +
      'PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid fragmentation.',
    [25.5, 79.25, 24.5, 23.5, 53.75],
  ],
  [
    'CUDA out of memory. Tried to allocate 1.00 GiB. GPU 1 has a total capacity of 8.00 GiB of which 0 bytes is free. 4.00 GiB ' +
      'allowed; Of the allocated memory 3.50 GiB is allocated by PyTorch, and 512.00 MiB is reserved by PyTorch but unallocated.',
    [1, 8, 0, 3.5, 4],
  ],
  [
    'CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 15.75 GiB total capacity; 14.25 GiB already allocated; 0.50 GiB free; ' +
      '14.50 GiB reserved in total by PyTorch) If reserved memory is >> allocated memory try setting max_split_size_mb',
    [2, 15.75, 0.5, 14.25, 14.5],
  ],
] as const)('memory of CUDA: the sizes of %s', (message, [requested, total, free, allocated, reserved]) => {
  const error = torchError('ERR_TORCH_OPERATOR', 'aten::empty', '', message);
  const gib = 2 ** 30;
  expect(error).toMatchObject({
    requestedBytes: requested * gib,
    totalBytes: total * gib,
    freeBytes: free * gib,
    allocatedBytes: allocated * gib,
    reservedBytes: reserved * gib,
  });
  expect(error.message).toMatch(/smaller batches .* lower precision/);
});
