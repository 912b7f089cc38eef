#!/usr/bin/env node
/**
 * @file Makes the prebuilt package for the libtorch found (`LIBTORCH` chooses): a folder that is ready to be published.
 *
 *     node packages/torch/scripts/make-prebuilt.mjs [--out FOLDER]
 *
 * The addon is that of `suave-torch build`, less its run path and its symbols of the linker: the folder of libtorch is chosen
 * where it is loaded. Build on the oldest system that is to be served: `build.json` says which glibc the binary needs.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BuildError, buildAddon, packageRoot, packageVersion } from './build-native.mjs';
import { greatestVersion, runPaths } from './elf.mjs';
import { findLibtorch, minorOf } from './libtorch.mjs';

/** Platform × libtorch of a prebuilt package, e.g. `linux-x64-torch1.13`. */
export function variantOf({ version, cuda }) {
  return `${process.platform}-${process.arch}-torch${minorOf(version)}${cuda ? '-cuda' : ''}`;
}

function run(program, args) {
  const { status, error, stderr } = spawnSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] });
  if (status !== 0) throw new BuildError(`${program} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
}

const readme = (variant, version, glibc) => `# @suave/torch-${variant}

The addon of \`@suave/torch\` for libtorch ${minorOf(version)} on ${variant.split('-torch')[0]}, compiled. \`@suave/torch\`
installs it as an optional dependency and loads it when it finds such a libtorch; it is of no use alone. It needs glibc ${glibc} or newer.
`;

/**
 * Writes the package's folder anew from a build.
 * @param {{ folder: string, out: string }} options
 *   `folder`: of the binaries and their `build.json`; `out`: the folder that gets a folder named after the variant
 * @returns {string} the package's folder
 * @throws BuildError
 */
export function makePrebuilt({ folder, out }) {
  const { libraries, ...facts } = JSON.parse(readFileSync(join(folder, 'build.json'), 'utf8'));
  const variant = variantOf(facts);
  const target = join(out, variant);
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  for (const name of ['suave_torch.node', 'suave_preload.node']) {
    const file = join(target, name);
    copyFileSync(join(folder, name), file);
    run('cmake', [`-DFILE=${file}`, '-P', join(packageRoot, 'scripts/remove-run-path.cmake')]);
    run('strip', ['--strip-unneeded', file]);
    if (runPaths(file).length > 0) throw new BuildError(`${file} still has the run path ${runPaths(file)}`);
  }
  const addon = join(target, 'suave_torch.node');
  if (facts.needs.length === 0)
    throw new BuildError(`${addon}: readelf does not tell what it is linked to; install binutils and build again`);
  facts.glibc = greatestVersion(addon, 'GLIBC');
  facts.glibcxx = greatestVersion(addon, 'GLIBCXX');
  const { license, engines } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'));
  const manifest = {
    name: `@suave/torch-${variant}`,
    version: packageVersion,
    description: `The addon of @suave/torch for libtorch ${minorOf(facts.version)}${facts.cuda ? ' with CUDA' : ''}, ${process.platform}-${process.arch}`,
    license,
    engines,
    os: [process.platform],
    cpu: [process.arch],
    libc: ['glibc'],
    main: 'suave_torch.node',
    files: ['suave_torch.node', 'suave_preload.node', 'build.json'],
  };
  writeFileSync(join(target, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  writeFileSync(join(target, 'build.json'), `${JSON.stringify(facts, null, 2)}\n`);
  writeFileSync(join(target, 'README.md'), readme(variant, facts.version, facts.glibc));
  copyFileSync(join(packageRoot, 'LICENSE'), join(target, 'LICENSE'));
  return target;
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const log = (line) => process.stderr.write(`${line}\n`);
  const at = process.argv.indexOf('--out');
  try {
    const { libtorch, passedOver } = findLibtorch();
    for (const reason of passedOver) log(`passed over ${reason}`);
    if (libtorch === null) throw new BuildError('libtorch: none found to build against; set LIBTORCH to its folder.');
    const out = at < 0 ? join(packageRoot, 'build/prebuilt') : resolve(process.argv[at + 1] ?? '.');
    const { folder } = buildAddon(libtorch, { log });
    process.stdout.write(`${makePrebuilt({ folder, out })}\n`);
  } catch (error) {
    log(error instanceof BuildError ? error.message : error.stack);
    process.exitCode = 1;
  }
}
