/** @file Looks at the machine: each finding says what there is and, if something is wrong, the command that mends it. Never throws. */
import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CudaReport, examineCuda, howToBuild, reportCuda } from './examine-cuda.js';

/** One thing that was looked at. */
export interface Finding {
  what: string;
  /** `slow` works but not well; `missing` makes training impossible. */
  state: 'ok' | 'slow' | 'missing';
  /** What there is, in words. */
  found: string;
  /** The command or step that mends it, null where nothing is wrong. */
  mend: string | null;
}

const ok = (what: string, found: string): Finding => ({ what, state: 'ok', found, mend: null });
const setup = howToBuild(join(dirname(fileURLToPath(import.meta.url)), '../../../..'));

/** What was found, as text for a person and as facts for a program. */
export interface Examination {
  readonly findings: readonly Finding[];
  /** null when it does not load. */
  readonly libtorch: { readonly version: string; readonly folder: string } | null;
  /** null when libtorch does not load. */
  readonly cuda: CudaReport | null;
}

/** Looks at everything that training needs. */
export async function examine(threads: number): Promise<Examination> {
  const { findings, libtorch, cuda } = await examineTorch(threads);
  const all = [
    examineNode(),
    ...findings,
    await examineSharp(),
    examineMemory(),
    examineDisk('disk here', process.cwd()),
    await examineCache(),
  ];
  return { findings: all, libtorch, cuda };
}

function examineNode(): Finding {
  const major = Number(process.versions.node.split('.')[0]);
  if (major >= 20) return ok('Node', process.version);
  return {
    what: 'Node',
    state: 'missing',
    found: `${process.version}, expected 20 or newer`,
    mend: 'install Node 20 or newer',
  };
}

async function examineTorch(threads: number): Promise<Examination> {
  let torch: typeof import('@suave/torch');
  try {
    torch = await import('@suave/torch');
  } catch (error) {
    const found = (error as Error).message.replace(/\s*\n\s*/g, ' ');
    return { findings: [{ what: 'libtorch', state: 'missing', found, mend: setup }], libtorch: null, cuda: null };
  }
  const { libtorchInfo, setNumThreads, getNumThreads } = torch;
  const { version, folder } = libtorchInfo();
  setNumThreads(threads);
  torch.scope(() => torch.matmul(torch.ones([8, 8]), torch.ones([8, 8]))); // loads what is loaded late
  const cuda = reportCuda(torch);
  const findings = [
    ok('libtorch', `${version} in ${folder}`),
    examineBlas(),
    ok(
      'threads',
      `${getNumThreads()} of ${availableParallelism()} processors (--threads or OMP_NUM_THREADS changes it)`,
    ),
    ...examineCuda(cuda, setup),
    await examineOperators(),
  ];
  return { findings, libtorch: { version, folder }, cuda };
}

/** The BLAS library that this process has loaded, by the files mapped into it. */
function examineBlas(): Finding {
  let maps = '';
  try {
    maps = readFileSync('/proc/self/maps', 'utf8');
  } catch {
    return ok('BLAS', 'not known on this system');
  }
  const files = [...new Set(maps.match(/\/\S+\.so[.\d]*/g) ?? [])];
  const fast = files.find((file) => /openblas|libmkl|libblis/i.test(file));
  if (fast !== undefined) return ok('BLAS', fast);
  const reference = files.find((file) => /libblas\.so/.test(file));
  if (reference === undefined) return ok('BLAS', 'inside libtorch');
  return {
    what: 'BLAS',
    state: 'slow',
    found: `${reference}, the slow reference library`,
    mend: 'sudo apt-get install -y libopenblas0-pthread',
  };
}

async function examineOperators(): Promise<Finding> {
  try {
    const { fromTypedArray, scope } = await import('@suave/torch');
    const { evalTransform } = await import('../augment/index.js');
    scope(() => {
      const pixels = fromTypedArray(new Uint8Array(192), [192]);
      const source = { pixels, offsets: [0], heights: [8], widths: [8] };
      evalTransform(source, [0], { resize: 8, crop: 8, interpolation: 'bilinear', mean: [0, 0, 0], std: [1, 1, 1] });
    });
    return ok('image operators', 'compiled');
  } catch (error) {
    return { what: 'image operators', state: 'missing', found: (error as Error).message.split('\n')[0], mend: setup };
  }
}

async function examineSharp(): Promise<Finding> {
  try {
    const { default: sharp } = await import('sharp');
    return ok('image decoding', `sharp ${sharp.versions.sharp}, libvips ${sharp.versions.vips}`);
  } catch (error) {
    return {
      what: 'image decoding',
      state: 'missing',
      found: (error as Error).message.split('\n')[0],
      mend: 'npm install sharp',
    };
  }
}

const gigabytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** Memory that programs can still take: what is free and what the system would give back. */
function availableMemory(): number {
  try {
    const line = /^MemAvailable:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8'));
    if (line !== null) return Number(line[1]) * 1024;
  } catch {
    // not Linux
  }
  return freemem();
}

function examineMemory(): Finding {
  const free = availableMemory();
  const found = `${gigabytes(free)} free of ${gigabytes(totalmem())}`;
  if (free >= 2 ** 30) return ok('memory', found);
  return {
    what: 'memory',
    state: 'slow',
    found,
    mend: 'close other programs, or train with smaller batches (--set batch.unlabeled=32)',
  };
}

function examineDisk(what: string, path: string): Finding {
  let folder = resolve(path);
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  try {
    const { bavail, bsize } = statfsSync(folder);
    const free = bavail * bsize;
    const found = `${gigabytes(free)} free in ${path}`;
    if (free >= 2 ** 30) return ok(what, found);
    return { what, state: 'slow', found, mend: 'free some space, or choose other folders with --out and --cache' };
  } catch (error) {
    return { what, state: 'slow', found: `${path}: ${(error as Error).message}`, mend: null };
  }
}

async function examineCache(): Promise<Finding> {
  const base = process.env.XDG_CACHE_HOME ?? resolve(process.env.HOME ?? '.', '.cache');
  return examineDisk('image cache', resolve(base, 'suave'));
}
