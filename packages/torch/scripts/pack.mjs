#!/usr/bin/env node
/**
 * @file Packs @suave/torch for publishing: the tarball that `npm publish` takes.
 *
 *     node packages/torch/scripts/pack.mjs [--out FOLDER]
 *
 * The published manifest names the prebuilt packages (prebuilt.json) as optional dependencies of the same version. They are
 * put in here, not in the workspace's manifest, which would have every `npm ci` look for packages not published yet.
 * Sources and source maps stay at home: the JavaScript is unminified and carries its doc comments.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const packageRoot = fileURLToPath(new URL('..', import.meta.url));

/** Names and versions of the prebuilt packages of a version. @param {string} version @returns {Record<string, string>} */
function prebuiltDependencies(version) {
  const variants = JSON.parse(readFileSync(join(packageRoot, 'scripts/prebuilt.json'), 'utf8'));
  return Object.fromEntries(variants.map((variant) => [`@suave/torch-${variant}`, version]));
}

/**
 * Packs a folder with `npm pack`.
 * @param {string} folder  of a package
 * @param {string} out     where the tarball goes
 * @returns {{ filename: string, size: number, unpackedSize: number, files: { path: string, size: number, mode: number }[] }}
 */
export function npmPack(folder, out) {
  const args = ['pack', folder, '--json', '--ignore-scripts', '--pack-destination', out];
  const { status, stdout, stderr, error } = spawnSync('npm', args, { encoding: 'utf8', cwd: out, maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error(`npm ${args.join(' ')}: ${error?.message ?? stderr}`);
  const [packed] = Object.values(JSON.parse(stdout));
  return { ...packed, filename: join(out, packed.filename) };
}

/**
 * Packs the package as it is published. The TypeScript must be compiled.
 * @param {string} out  where the tarball goes
 */
export function packTorch(out) {
  const stage = mkdtempSync(join(tmpdir(), 'suave-pack-'));
  try {
    const manifest = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'));
    for (const name of [...manifest.files.filter((entry) => !entry.startsWith('!')), 'README.md', 'LICENSE'])
      cpSync(join(packageRoot, name), join(stage, name), { recursive: true });
    for (const entry of readdirSync(join(stage, 'dist'), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !/\.(js|d\.ts)$/.test(entry.name)) continue;
      const file = join(entry.parentPath ?? entry.path, entry.name);
      // The maps are not in the package: what names them would lead nowhere.
      writeFileSync(file, readFileSync(file, 'utf8').replace(/\n\/\/# sourceMappingURL=\S+\s*$/, '\n'));
    }
    const published = { ...manifest, optionalDependencies: prebuiltDependencies(manifest.version) };
    writeFileSync(join(stage, 'package.json'), `${JSON.stringify(published, null, 2)}\n`);
    mkdirSync(out, { recursive: true });
    return npmPack(stage, out);
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const at = process.argv.indexOf('--out');
  const { filename, size, files } = packTorch(resolve(at < 0 ? '.' : (process.argv[at + 1] ?? '.')));
  process.stderr.write(`${files.length} files, ${Math.round(size / 1024)} KiB\n`);
  process.stdout.write(`${filename}\n`);
}
