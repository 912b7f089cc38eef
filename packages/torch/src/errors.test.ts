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
