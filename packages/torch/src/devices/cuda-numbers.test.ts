/**
 * @file What a CUDA device computes against the CPU: convolutions in both memory formats, automatic casting, the switches of cuDNN and
 * TensorFloat-32, the same bits for the same seeds. Without a device every test is skipped, and says so.
 */
import { afterEach, beforeEach, expect } from 'vitest';
import { onCuda } from '../../../../tests/fixtures/on-cuda.js';
import { toleranceOf } from '../../../../tests/fixtures/torch-devices.js';
import * as torch from '../index.js';

const { backends, cuda, nn } = torch;

function exactly(): void {
  if (!cuda.isAvailable()) return;
  backends.cuda.matmul.allowTF32 = false;
  backends.cudnn.allowTF32 = false;
  backends.cudnn.benchmark = false;
  backends.cudnn.deterministic = true;
}

beforeEach(exactly);
afterEach(exactly);

/** A convolutional network with batch norm, drawn on the CPU. */
function makeNetwork(): torch.nn.Sequential {
  torch.manualSeed(3);
  return new nn.Sequential(
    new nn.Conv2d(3, 16, 3, { padding: 1 }),
    new nn.BatchNorm2d(16),
    new nn.ReLU(),
    new nn.Conv2d(16, 32, 3, { stride: 2, padding: 1, bias: false }),
    new nn.GELU(),
    new nn.AdaptiveAvgPool2d(1),
    new nn.Flatten(),
    new nn.Linear(32, 10),
  );
}

const labelsOf = (rows: number) => torch.arange(rows, { dtype: 'int64' }).remainder(10);

/** Loss and all gradients of a step of the network, on the CPU. @param around  runs the forward pass */
function numbersOf(
  device: 'cpu' | 'cuda',
  around: (body: () => torch.Tensor) => torch.Tensor = (body) => body(),
  memoryFormat: 'contiguous' | 'channelsLast' = 'contiguous',
): { loss: number; gradients: Float32Array[] } {
  using network = makeNetwork();
  if (device === 'cuda') network.to({ device: 'cuda', memoryFormat });
  return torch.scope(() => {
    torch.manualSeed(4);
    const x = torch.randn([20, 3, 16, 16]).to({ device }).contiguous({ memoryFormat });
    const loss = around(() => nn.functional.crossEntropy(network.forward(x), labelsOf(20).to({ device })));
    loss.backward();
    return {
      loss: loss.to('float32').item(),
      gradients: network.parameters().map(({ grad }) => grad!.to('float32').contiguous().data() as Float32Array),
    };
  });
}

type Numbers = ReturnType<typeof numbersOf>;

/** Compares with numbers of the CPU, every gradient at the size of its largest element. */
function expectNear(got: Numbers, expected: Numbers, { rtol, atol }: { rtol: number; atol: number }): void {
  expect(Math.abs(got.loss - expected.loss)).toBeLessThan(atol + rtol * Math.abs(expected.loss));
  expect(got.gradients.length).toBe(expected.gradients.length);
  got.gradients.forEach((gradient, i) => {
    const reference = expected.gradients[i]!;
    // The bias before a batch norm has no gradient but rounding.
    const largest = Math.max(1e-3, ...reference.map(Math.abs));
    const worst = Math.max(...gradient.map((value, j) => Math.abs(value - reference[j]!)));
    expect(worst / largest, `gradient ${i}`).toBeLessThan(atol + rtol);
  });
}

/** Several operators in a row: ten roundings. */
const tolerance = (dtype: 'float32' | 'float16' | 'bfloat16') => {
  const { rtol, atol } = toleranceOf('cuda', dtype);
  return { rtol: 10 * rtol, atol: 10 * atol };
};

onCuda('a network has the loss and gradients of the CPU, in both memory formats', [], () => {
  const expected = numbersOf('cpu');
  expectNear(numbersOf('cuda'), expected, tolerance('float32'));
  expectNear(numbersOf('cuda', undefined, 'channelsLast'), expected, tolerance('float32'));
});

onCuda('convolutions of images with channels last give them so', [], () => {
  torch.scope(() => {
    const x = torch.randn([4, 8, 10, 10], { device: 'cuda' });
    const weight = torch.randn([16, 8, 3, 3], { device: 'cuda' });
    const last = { memoryFormat: 'channelsLast' } as const;
    const plain = torch.conv2d(x, weight);
    const y = torch.conv2d(x.contiguous(last), weight.contiguous(last));
    expect(y.isContiguous('channelsLast')).toBe(true);
    expect(plain.isContiguous()).toBe(true);
    expect(y.sub(plain).abs().max().item()).toBeLessThan(1e-3);
    expect(torch.batchNorm(y, null, null, null, null, true, 0.1, 1e-5, true).isContiguous('channelsLast')).toBe(true);
  });
});

for (const dtype of ['float16', 'bfloat16'] as const)
  onCuda(`automatic casting to ${dtype} is near float32 of the CPU, with gradients in float32`, [], () => {
    if (dtype === 'bfloat16' && !cuda.isBf16Supported()) return;
    const expected = numbersOf('cpu');
    const got = numbersOf('cuda', (body) => torch.autocast('cuda', dtype, body));
    expectNear(got, expected, tolerance(dtype));
    const channelsLast = numbersOf('cuda', (body) => torch.autocast('cuda', dtype, body), 'channelsLast');
    expectNear(channelsLast, expected, tolerance(dtype));
  });

onCuda('automatic casting leaves losses, softmax and sums in float32', [], () => {
  torch.scope(() => {
    const x = torch.randn([6, 10], { device: 'cuda' });
    const weight = torch.randn([10, 10], { device: 'cuda' });
    const dtypes = torch.autocast('cuda', 'float16', () => {
      const y = x.matmul(weight);
      return [y, y.softmax(1), y.sum(), nn.functional.crossEntropy(y, labelsOf(6).cuda())].map((each) => each.dtype);
    });
    expect(dtypes).toEqual(['float16', 'float32', 'float32', 'float32']);
  });
});

onCuda('cuDNN may look for the fastest algorithm, within rounding', [], () => {
  const expected = numbersOf('cuda');
  backends.cudnn.benchmark = true;
  backends.cudnn.deterministic = false;
  expect(backends.cudnn.benchmark).toBe(true);
  numbersOf('cuda'); // looks
  expectNear(numbersOf('cuda'), expected, tolerance('float32'));
});

onCuda('TensorFloat-32 changes products and convolutions where it is allowed, and only there', [], () => {
  if (cuda.getDeviceCapability()[0] < 8) return; // devices before 8.0 have none
  torch.scope(() => {
    const x = torch.randn([256, 256], { device: 'cuda' });
    const image = torch.randn([8, 64, 16, 16], { device: 'cuda' });
    const weight = torch.randn([64, 64, 3, 3], { device: 'cuda' });
    const product = () => Buffer.from(x.matmul(x).bytes());
    const convolution = () => Buffer.from(torch.conv2d(image, weight, { padding: 1 }).bytes());
    const [fullProduct, fullConvolution] = [product(), convolution()];
    backends.cuda.matmul.allowTF32 = true;
    expect(product().equals(fullProduct)).toBe(false);
    expect(convolution().equals(fullConvolution)).toBe(true);
    backends.cudnn.allowTF32 = true;
    expect(convolution().equals(fullConvolution)).toBe(false);
    exactly();
    expect(product().equals(fullProduct)).toBe(true);
    expect(convolution().equals(fullConvolution)).toBe(true);
  });
});

onCuda('the same seeds give the same bits twice, dropout included', [], () => {
  const run = () => {
    using network = makeNetwork().to('cuda');
    const optimizer = new torch.optim.SGD(network.parameters(), { lr: 0.1, momentum: 0.9, weightDecay: 1e-4 });
    torch.manualSeed(9);
    const losses = Array.from({ length: 5 }, () =>
      torch.scope(() => {
        const x = torch.randn([20, 3, 16, 16], { device: 'cuda' });
        const y = torch.dropout(x, 0.3, true);
        const loss = nn.functional.crossEntropy(network.forward(y), labelsOf(20).cuda());
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
        return loss.item();
      }),
    );
    const weights = torch.scope(() =>
      Buffer.concat([...network.stateDict().values()].map((value) => value.bytes())).toString('base64'),
    );
    optimizer.dispose();
    return { losses, weights };
  };
  const first = run();
  const second = run();
  expect(second.losses).toEqual(first.losses);
  expect(second.weights).toBe(first.weights);
  expect(first.losses[4]).not.toBe(first.losses[0]);
});

onCuda('pinned memory is filled while the host goes on; an event tells when it may be read', [], () => {
  torch.scope(() => {
    const host = torch.arange(1 << 20, { dtype: 'float32' }).pinMemory();
    const back = torch.emptyLike(host, { pinMemory: true });
    using arrived = new cuda.Event();
    const copies = new cuda.Stream();
    copies.waitStream(cuda.currentStream());
    cuda.withStream(copies, () => {
      const device = host.cuda('cuda', { nonBlocking: true });
      back.copy_(device.mul(3), { nonBlocking: true });
      arrived.record();
    });
    arrived.synchronize();
    expect(arrived.query()).toBe(true);
    expect(back.sub(host.mul(3)).abs().max().item()).toBe(0);
  });
});
