/** @file What `suave doctor` says of NVIDIA devices: what libtorch was built for, what is there, which parts of the addon are on. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { Finding } from './examine.js';

/** One NVIDIA device. */
export interface CudaDevice {
  readonly index: number;
  readonly name: string;
  /** Bytes. */
  readonly totalMemory: number;
  /** Compute capability, e.g. `9.0`. */
  readonly capability: string;
  /** It computes in bfloat16 at speed. */
  readonly bf16: boolean;
}

/** What is known of CUDA here. */
export interface CudaReport {
  /** Libtorch was built with CUDA. */
  readonly built: boolean;
  readonly available: boolean;
  /** Why it is not available; null where it is. */
  readonly reason: string | null;
  /** CUDA that libtorch was built with, e.g. `13.0`; null without. */
  readonly version: string | null;
  /** e.g. `9.15.1`; null without. */
  readonly cudnn: string | null;
  /** Version of the machine's NVIDIA driver; null without one. */
  readonly driver: string | null;
  /** Empty, too, where the addon was built without CUDA's headers or a device does not answer: `count` says how many there are. */
  readonly devices: readonly CudaDevice[];
  readonly count: number;
  /** Parts of `cuda.features()` that this build of the addon has, and that it lacks. */
  readonly featuresOn: readonly string[];
  readonly featuresOff: readonly string[];
  /** File of NCCL in this process; null where there is none. */
  readonly nccl: string | null;
}

/** `9.15.1` of 91501, `8.9.2` of 8902: the digits changed their places with version 9. */
export function cudnnVersion(number: number): string {
  const thousands = number >= 90_000 ? 10_000 : 1000;
  return [Math.trunc(number / thousands), Math.trunc((number % thousands) / 100), number % 100].join('.');
}

/** Version of the driver that the kernel has loaded. */
function driverVersion(): string | null {
  try {
    const text = readFileSync('/proc/driver/nvidia/version', 'utf8');
    return /Kernel Module\D*?(\d+(?:\.\d+)+)/.exec(text)?.[1] ?? 'of unknown version';
  } catch {
    return null;
  }
}

/** Why a libtorch with CUDA finds no device, as far as this machine tells. */
export function reasonWithoutDevice(
  driver: string | null,
  environment: NodeJS.ProcessEnv,
  deviceFiles: readonly string[],
): { reason: string; mend: string } {
  const visible = environment.CUDA_VISIBLE_DEVICES;
  if (driver === null) {
    return {
      reason: 'this machine has no NVIDIA driver',
      mend: 'install the driver; in a container, start it with its GPUs (--gpus all)',
    };
  }
  if (visible !== undefined) {
    return {
      reason: `CUDA_VISIBLE_DEVICES is "${visible}", which leaves no device of driver ${driver}`,
      mend: 'unset CUDA_VISIBLE_DEVICES, or name devices that nvidia-smi lists',
    };
  }
  if (!deviceFiles.some((name) => /^nvidia\d+$/.test(name))) {
    return {
      reason: `driver ${driver} is there, but no device (/dev/nvidia0)`,
      mend: 'start the container with its GPUs (--gpus all), or ask who runs the machine for one',
    };
  }
  return {
    reason: `driver ${driver} gives it no device`,
    mend: 'see nvidia-smi: the driver may be too old for this CUDA, or the device in use by another',
  };
}

function deviceFiles(): string[] {
  try {
    return readdirSync('/dev');
  } catch {
    return [];
  }
}

/** File of NCCL that libtorch brought into this process. */
function ncclFile(): string | null {
  try {
    return /\/\S*libnccl\.so\S*/.exec(readFileSync('/proc/self/maps', 'utf8'))?.[0] ?? null;
  } catch {
    return null;
  }
}

/** Asks libtorch, which must be loaded. */
export function reportCuda({ cuda }: typeof import('@suave/torch')): CudaReport {
  const { cuda: version, cudnn } = cuda.versions();
  const parts = Object.entries(cuda.features());
  const featuresOn = parts.filter(([, on]) => on).map(([name]) => name);
  const built = version !== null;
  const available = cuda.isAvailable();
  const driver = driverVersion();
  const without = built
    ? reasonWithoutDevice(driver, process.env, deviceFiles()).reason
    : 'this libtorch was built without CUDA';
  return {
    built,
    available,
    reason: available ? null : without,
    version,
    cudnn: cudnn === null ? null : cudnnVersion(cudnn),
    driver,
    devices: available && featuresOn.includes('deviceProperties') ? devicesOf(cuda) : [],
    count: cuda.deviceCount(),
    featuresOn,
    featuresOff: built ? parts.filter(([, on]) => !on).map(([name]) => name) : [],
    nccl: built ? ncclFile() : null,
  };
}

function devicesOf(cuda: typeof import('@suave/torch').cuda): CudaDevice[] {
  try {
    return Array.from({ length: cuda.deviceCount() }, (_, index) => {
      const { name, totalMemory, major, minor } = cuda.getDeviceProperties(index);
      return { index, name, totalMemory, capability: `${major}.${minor}`, bf16: cuda.isBf16Supported(index) };
    });
  } catch {
    return []; // a libtorch that hides CUDA's runtime, or a device that does not answer: training will say more
  }
}

const ok = (what: string, found: string): Finding => ({ what, state: 'ok', found, mend: null });

/** The report as findings. @param rebuild  how the addon is built anew */
export function examineCuda(report: CudaReport, rebuild: string): Finding[] {
  const { built, available, reason, version, cudnn, driver, devices, count, featuresOn, featuresOff, nccl } = report;
  if (!built) return [ok('CUDA', `none: ${reason}; training runs on the processor`)];
  const versions = [`CUDA ${version}`, cudnn === null ? 'no cuDNN' : `cuDNN ${cudnn}`];
  const findings: Finding[] = [];
  if (available) {
    findings.push(
      ok('CUDA', [`${count} device${count === 1 ? '' : 's'}`, ...versions, `driver ${driver ?? 'unknown'}`].join(', ')),
    );
    for (const { index, name, totalMemory, capability, bf16 } of devices) {
      const memory = `${(totalMemory / 2 ** 30).toFixed(1)} GiB`;
      const numbers = bf16 ? 'bf16 and fp16' : 'fp16, no bf16';
      findings.push(ok(`cuda:${index}`, `${name}, ${memory}, compute capability ${capability}, ${numbers}`));
    }
    findings.push(ok('NCCL', nccl ?? 'none that libtorch loads as a library of its own'));
  } else {
    const { mend } = reasonWithoutDevice(driver, process.env, deviceFiles());
    const found = `libtorch has it (${versions.join(', ')}), but ${reason}; training runs on the processor`;
    findings.push({ what: 'CUDA', state: 'slow', found, mend });
  }
  const on = `on: ${featuresOn.join(', ')}`;
  if (featuresOff.length === 0) findings.push(ok('parts of CUDA', on));
  else {
    findings.push({
      what: 'parts of CUDA',
      state: 'slow',
      found: `${on}; off: ${featuresOff.join(', ')}, for the addon was built without CUDA's headers`,
      mend: `put the wheels nvidia-cuda-runtime and nvidia-cuda-crt of CUDA ${version} beside torch, or set CUDA_HOME to a toolkit; then ${rebuild}`,
    });
  }
  return findings;
}

/** How the addon is built where this program lies: in an unpacked bundle, or in the project. */
export function howToBuild(programRoot: string): string {
  return existsSync(`${programRoot}/install.sh`) && existsSync(`${programRoot}/manifest.json`)
    ? `run ${programRoot}/install.sh`
    : 'npm run setup (in the project folder; builds the addon and says what it needs)';
}
