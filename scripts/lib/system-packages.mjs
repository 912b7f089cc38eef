/**
 * @file What the machine itself must have: which needs are met is asked of the machine (a program, a header, a library),
 * not of a package list, so that a PyTorch wheel or a hand-built compiler satisfies them as well as Debian's packages do.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findLibtorch } from '../../packages/torch/scripts/libtorch.mjs';
import { ask, run, SetupError, say, which } from './process.mjs';

const hasProgram = (...names) => names.some((name) => which(name) !== null);
const hasPythonPackage = (name) => existsSync(join('/usr/lib/python3/dist-packages', name));

/** Whether OpenBLAS is installed beside the system's libtorch, whose default BLAS is the slow reference one. */
function hasOpenBlas(folder) {
  return (
    existsSync(join(folder, 'openblas-pthread')) || readdirSync(folder).some((name) => /^libopenblas.*\.so/.test(name))
  );
}

/**
 * The needs of a role that are not met.
 * @param {'start' | 'test' | 'bench'} role
 * @returns {{ what: string, packages: string[], optional?: string }[]} `optional` says what is lost without it
 */
export function unmetNeeds(role, libtorch) {
  // Without any libtorch Debian's will be installed, so that what belongs to it counts as missing too.
  const isSystem = libtorch === null || libtorch.origin === 'system';
  const needs = [
    { what: 'libtorch 1.13 to 2.x, the C++ library of PyTorch', met: libtorch !== null, packages: ['libtorch-dev'] },
    {
      what: "OpenBLAS for the system's libtorch",
      met: !isSystem || (libtorch !== null && hasOpenBlas(libtorch.libraries)),
      packages: ['libopenblas0-pthread'],
    },
    {
      what: 'the headers of Gloo',
      met: libtorch !== null && libtorch.gloo.length > 0,
      packages: ['libgloo-dev'],
      optional: isSystem ? undefined : 'training in several processes on CPUs is not possible',
    },
    { what: 'CMake', met: hasProgram('cmake'), packages: ['cmake'] },
    { what: 'a C++ compiler', met: Boolean(process.env.CXX) || hasProgram('c++', 'g++', 'clang++'), packages: ['g++'] },
    { what: 'make', met: hasProgram('make'), packages: ['make'] },
  ];
  if (role === 'test') {
    needs.push({
      what: 'a Chromium for the browser tests',
      met: hasProgram('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'),
      packages: ['chromium'],
      optional: 'the tests that need a browser are skipped',
    });
    needs.push({
      what: "Python's ONNX, whose checker reads exported models",
      met: hasPythonPackage('onnx'),
      packages: ['python3-onnx'],
      optional: 'the tests that need it are skipped',
    });
  }
  if (role === 'bench') {
    needs.push({
      what: "Python's PyTorch and torchvision, the peers of the benchmarks",
      met: hasPythonPackage('torch') && hasPythonPackage('torchvision'),
      packages: ['python3-torch', 'python3-torchvision'],
      optional: 'the benchmarks that compare with Python cannot run',
    });
  }
  return needs.filter((need) => !need.met).map(({ what, packages, optional }) => ({ what, packages, optional }));
}

/** How packages can be installed here: the words before `apt-get`, or the reason why they cannot. */
function aptAccess() {
  if (!hasProgram('apt-get')) return { reason: 'there is no apt-get on this machine' };
  if (process.getuid?.() === 0) return { prefix: [] };
  if (!hasProgram('sudo')) return { reason: 'installing packages needs root, and there is no sudo' };
  if (ask('sudo', ['-n', 'true']) === null)
    return { reason: 'installing packages needs root, and sudo asks for a password' };
  return { prefix: ['sudo', '-n'] };
}

function apt(prefix, ...args) {
  const words = [
    'env',
    'DEBIAN_FRONTEND=noninteractive',
    'apt-get',
    '-q',
    '-y',
    '-o',
    'DPkg::Lock::Timeout=300',
    ...args,
  ];
  const [program, ...rest] = [...prefix, ...words];
  run(program, rest, { lastLines: 25 });
}

/** Installs packages, renewing apt's lists when there are none yet or when they lead nowhere any more. */
function install(prefix, packages) {
  const attempt = () => apt(prefix, '-o', 'Dpkg::Use-Pty=0', 'install', '--no-install-recommends', ...packages);
  const lists = '/var/lib/apt/lists';
  if (existsSync(lists) && readdirSync(lists).some((name) => name.includes('_Packages'))) {
    try {
      attempt();
      return;
    } catch {
      // the lists may be old: once more with new ones
    }
  }
  try {
    say("renewing apt's package lists");
    apt(prefix, 'update');
    attempt();
  } catch (error) {
    throw new SetupError(`${error.message} Install ${packages.join(' ')} by hand, then run the command again.`);
  }
}

function whatToInstall(needs, reason) {
  const packages = needs.flatMap((need) => need.packages);
  const width = Math.max(...needs.map((need) => need.what.length));
  const lines = needs.map((need) => `  ${need.what.padEnd(width)}  (Debian: ${need.packages.join(' ')})`);
  const text = [
    `this machine lacks what is listed here, and it cannot be installed from here: ${reason}.`,
    ...lines,
    'On Debian, run this as root, then the same command again:',
    `  apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`,
  ];
  if (packages.includes('libtorch-dev')) {
    text.push(
      'Elsewhere, a PyTorch 1.13 to 2.x installed for the python3 on the PATH (pip install torch) stands in for the lib… packages,',
      'and so does LIBTORCH=DIR, a folder with include/ and lib/ as PyTorch publishes it.',
    );
  }
  return text.join('\n');
}

/**
 * Installs what the machine lacks for a role.
 * @returns {{ didWork: boolean, libtorch: import('../../packages/torch/scripts/libtorch.mjs').Libtorch }}
 * @throws SetupError with the whole list when something is missing and cannot be installed
 */
export function ensureSystemPackages(role) {
  const { libtorch, passedOver } = findLibtorch();
  for (const reason of passedOver) say(`libtorch: passing over ${reason}`);
  const needs = unmetNeeds(role, libtorch);
  if (needs.length === 0) return { didWork: false, libtorch };

  const { prefix, reason } = aptAccess();
  if (prefix === undefined) {
    if (needs.some((need) => !need.optional)) throw new SetupError(whatToInstall(needs, reason));
    for (const need of needs) {
      say(`${need.what}: missing (Debian: ${need.packages.join(' ')}); ${need.optional}, for ${reason}`);
    }
    return { didWork: false, libtorch };
  }

  const packages = needs.flatMap((need) => need.packages);
  say(`installing ${packages.join(' ')} with apt-get (a minute or two)`);
  install(prefix, packages);
  const found = findLibtorch().libtorch;
  const still = unmetNeeds(role, found).filter((need) => !need.optional);
  if (still.length > 0) {
    const names = still.map((need) => need.what).join('; ');
    throw new SetupError(
      `apt-get ended well, but this is still missing: ${names}. Set LIBTORCH to a libtorch of your own?`,
    );
  }
  return { didWork: true, libtorch: found };
}
