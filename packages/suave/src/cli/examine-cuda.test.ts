/** @file What the doctor says of CUDA: on this machine, and for machines that are unlike it. */
import * as torch from '@suave/torch';
import { expect, test } from 'vitest';
import { type CudaReport, cudnnVersion, examineCuda, reasonWithoutDevice, reportCuda } from './examine-cuda.js';

const server: CudaReport = {
  built: true,
  available: true,
  reason: null,
  version: '13.0',
  cudnn: '9.15.1',
  driver: '580.65.06',
  devices: [{ index: 0, name: 'NVIDIA H200', totalMemory: 150_000_000_000, capability: '9.0', bf16: true }],
  count: 1,
  featuresOn: ['streams', 'events', 'memoryStatistics', 'memoryFraction', 'deviceProperties', 'graphs'],
  featuresOff: [],
  nccl: '/venv/nvidia/nccl/lib/libnccl.so.2',
};
const text = (report: CudaReport) => examineCuda(report, './install.sh').map(({ what, found }) => `${what}: ${found}`);

test('the report agrees with libtorch', () => {
  const report = reportCuda(torch);
  expect(report.available).toBe(torch.cuda.isAvailable());
  expect(report.count).toBe(torch.cuda.deviceCount());
  expect(report.built).toBe(torch.cuda.features().streams);
  expect(report.reason === null).toBe(report.available);
  if (!report.built) {
    expect(text(report)).toEqual(['CUDA: none: this libtorch was built without CUDA; training runs on the processor']);
  }
});

test('a server with a device', () => {
  expect(text(server)).toEqual([
    'CUDA: 1 device, CUDA 13.0, cuDNN 9.15.1, driver 580.65.06',
    'cuda:0: NVIDIA H200, 139.7 GiB, compute capability 9.0, bf16 and fp16',
    'NCCL: /venv/nvidia/nccl/lib/libnccl.so.2',
    'parts of CUDA: on: streams, events, memoryStatistics, memoryFraction, deviceProperties, graphs',
  ]);
});

test("without CUDA's headers the parts that are off are named, with what to do", () => {
  const [, , parts] = examineCuda(
    { ...server, devices: [], featuresOn: ['streams', 'events'], featuresOff: ['deviceProperties', 'graphs'] },
    'run /opt/suave/install.sh',
  );
  expect(parts).toMatchObject({ what: 'parts of CUDA', state: 'slow' });
  expect(parts?.found).toContain('off: deviceProperties, graphs');
  expect(parts?.mend).toMatch(/CUDA_HOME .* run \/opt\/suave\/install\.sh$/);
});

test('without a device it says why', () => {
  const reasons = [
    reasonWithoutDevice(null, {}, ['null']),
    reasonWithoutDevice('580.65', { CUDA_VISIBLE_DEVICES: '' }, ['nvidia0']),
    reasonWithoutDevice('580.65', {}, ['nvidiactl']),
    reasonWithoutDevice('470.1', {}, ['nvidia0']),
  ].map(({ reason }) => reason);
  expect(reasons).toEqual([
    'this machine has no NVIDIA driver',
    'CUDA_VISIBLE_DEVICES is "", which leaves no device of driver 580.65',
    'driver 580.65 is there, but no device (/dev/nvidia0)',
    'driver 470.1 gives it no device',
  ]);
  const [cuda] = examineCuda({ ...server, available: false, reason: reasons[0] ?? '', devices: [] }, '');
  expect(cuda).toMatchObject({ state: 'slow' });
  expect(cuda?.found).toBe(
    'libtorch has it (CUDA 13.0, cuDNN 9.15.1), but this machine has no NVIDIA driver; training runs on the processor',
  );
});

test("cuDNN's number is read in both of its forms", () => {
  expect([90_100, 91_501, 8902, 7605].map(cudnnVersion)).toEqual(['9.1.0', '9.15.1', '8.9.2', '7.6.5']);
});
