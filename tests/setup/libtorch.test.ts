/** @file The search for libtorch, on folders that look like its installations. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { buildTag, findLibtorch } from '../../packages/torch/scripts/libtorch.mjs';

let folder: string;

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'suave-libtorch-')));
  // No python3 but the one that a test writes.
  vi.stubEnv('PATH', join(folder, 'bin'));
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

function install(name: string, version: string, abi: 0 | 1 = 1): string {
  write(`${name}/include/torch/headeronly/version.h`, `#define TORCH_VERSION \\\n  "${version}"\n`);
  write(`${name}/include/ATen/core/dispatch/Dispatcher.h`, '');
  write(`${name}/lib/libtorch_cpu.so`, '');
  write(`${name}/lib/libc10.so`, `torchCheckFailEPKcS2_jRK${abi === 1 ? 'NSt7__cxx1112basic_string' : 'Ss'}`);
  return join(folder, name);
}

/** A `python3` whose torch lies in a folder. */
function python(torch: string): void {
  write('bin/python3', `#!/bin/sh\necho ${torch}\n`);
  chmodSync(join(folder, 'bin/python3'), 0o755);
}

test('LIBTORCH comes first, then the torch of python3', () => {
  const first = install('first', '2.6.0');
  python(install('second', '2.13.0'));
  expect(findLibtorch({ LIBTORCH: first }).libtorch).toMatchObject({
    origin: 'LIBTORCH',
    version: '2.6.0',
    libraries: join(first, 'lib'),
  });
  expect(findLibtorch({}).libtorch).toMatchObject({ origin: 'python3', version: '2.13.0' });
});

test('a candidate without headers, or of another version, is passed over and said', () => {
  const bare = install('bare', '2.6.0');
  rmSync(join(bare, 'include'), { recursive: true });
  python(install('old', '1.12.1'));
  const { libtorch, passedOver } = findLibtorch({ LIBTORCH: bare });
  expect(passedOver[0]).toContain('LIBTORCH');
  expect(passedOver[0]).toContain('no libtorch headers');
  expect(passedOver[1]).toContain('python3');
  expect(passedOver[1]).toContain('1.12.1');
  expect(libtorch?.origin ?? 'system').toBe('system');
});

test('the ABI of strings is read from the build', () => {
  expect(findLibtorch({ LIBTORCH: install('new', '2.6.0', 1) }).libtorch?.abi).toBe(1);
  expect(findLibtorch({ LIBTORCH: install('old', '2.5.1', 0) }).libtorch?.abi).toBe(0);
});

test("a python3 package made of links to the system's libraries is the system's", ({ skip }) => {
  const system = findLibtorch({}).libtorch;
  if (system === null) return skip("this machine has no system's libtorch");
  const torch = join(folder, 'torch');
  mkdirSync(join(torch, 'lib'), { recursive: true });
  for (const name of ['libtorch_cpu.so', 'libc10.so']) {
    symlinkSync(realpathSync(join(system.libraries, name)), join(torch, 'lib', name));
  }
  symlinkSync('/usr/include', join(torch, 'include'));
  python(torch);
  expect(findLibtorch({}).libtorch).toEqual(system);
});

test('builds for different versions lie in different folders', () => {
  const tag = (version: string) => buildTag(findLibtorch({ LIBTORCH: install(version, version) }).libtorch!);
  expect(tag('2.6.0')).toBe('torch-2.6.0');
  expect(tag('2.13.0')).not.toBe(tag('2.6.0'));
});

/** A wheel of torch with CUDA, in a folder as Python's packages have it. */
function installCuda(name: string, cuda: string): string {
  const torch = install(`${name}/torch`, '2.6.0');
  write(`${name}/torch/include/c10/cuda/CUDAStream.h`, '');
  write(`${name}/torch/lib/libtorch_cuda.so`, '');
  write(
    `${name}/torch/version.py`,
    `__version__ = '2.6.0+cu${cuda.replace('.', '')}'\ncuda: Optional[str] = '${cuda}'\n`,
  );
  return torch;
}

/** Headers of CUDA's runtime. */
function headers(path: string, version: number, crt = true): string {
  write(`${path}/cuda_runtime_api.h`, `#define CUDART_VERSION  ${version}\n`);
  if (crt) write(`${path}/crt/host_defines.h`, '');
  return join(folder, path);
}

test("CUDA's headers are those of NVIDIA's wheels beside torch, in both layouts", () => {
  const twelve = installCuda('twelve', '12.4');
  const packages = headers('twelve/nvidia/cuda_runtime/include', 12040);
  expect(findLibtorch({ LIBTORCH: twelve }).libtorch).toMatchObject({
    cuda: true,
    cudaIncludes: [packages],
    cudaReason: '',
  });

  const thirteen = installCuda('thirteen', '13.0');
  const shared = headers('thirteen/nvidia/cu13/include', 13000);
  expect(findLibtorch({ LIBTORCH: thirteen }).libtorch).toMatchObject({ cudaIncludes: [shared], cudaReason: '' });
});

test("CUDA's headers can come from a toolkit of the same major version only", () => {
  const torch = installCuda('wheel', '12.4');
  const older = headers('cuda-11/include', 11080);
  const same = headers('cuda-12/include', 12060);
  expect(findLibtorch({ LIBTORCH: torch, CUDA_HOME: dirname(same) }).libtorch?.cudaIncludes).toEqual([same]);
  const { libtorch } = findLibtorch({ LIBTORCH: torch, CUDA_HOME: dirname(older) });
  expect(libtorch?.cudaIncludes).not.toContain(older);
  if (libtorch?.cudaIncludes.length === 0)
    expect(libtorch.cudaReason).toContain(`${older} is of CUDA 11, libtorch of CUDA 12`);
});

test("where a wheel has the runtime's headers without CUDA's words, a file of ours has those", () => {
  const torch = installCuda('thirteen', '13.0');
  const shared = headers('thirteen/nvidia/cu13/include', 13000, false);
  const { libtorch } = findLibtorch({ LIBTORCH: torch });
  expect(libtorch).toMatchObject({
    cudaIncludes: [shared, expect.stringMatching(/native\/cuda-words$/)],
    cudaReason: '',
  });
  expect(existsSync(join(libtorch?.cudaIncludes[1] ?? '', 'crt/host_defines.h'))).toBe(true);
});

test("what CUDA's headers lack is said", ({ skip }) => {
  if (existsSync('/usr/local/cuda/include')) return skip('this machine has a toolkit, which is found instead');
  const torch = installCuda('wheel', '13.0');
  expect(findLibtorch({ LIBTORCH: torch }).libtorch).toMatchObject({
    cudaIncludes: [],
    cudaReason: expect.stringContaining('CUDA_HOME'),
  });
  expect(findLibtorch({ LIBTORCH: install('plain', '2.6.0') }).libtorch).toMatchObject({
    cuda: false,
    cudaIncludes: [],
    cudaReason: 'this libtorch has no CUDA',
  });
});
