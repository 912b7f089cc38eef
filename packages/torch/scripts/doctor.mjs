/** @file `suave-torch doctor`: the machine, the places that are searched with what is there, and whether the addon loads. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot, packageVersion } from './build-native.mjs';
import { candidates, inspectRuntime } from './libtorch.mjs';

/** Asks in a process of its own: a library that ends the process must not end the doctor. */
const probe = `
const torch = await import(process.argv[1]);
const sum = torch.scope(() => torch.tensor([1, 2, 3]).sum().item());
if (sum !== 6) throw new Error('1 + 2 + 3 gave ' + sum);
console.log(JSON.stringify({ version: torch.libtorchVersion(), ...torch.libtorchInfo(), cuda: torch.cuda.isAvailable?.() }));
`;

/**
 * Prints the report on standard output.
 * @returns {Promise<number>} the exit status: 0 when the addon loads, 1 otherwise
 */
export async function doctor() {
  const say = (line) => process.stdout.write(`${line}\n`);
  process.report.excludeNetwork = true;
  const glibc = process.report.getReport().header.glibcVersionRuntime ?? 'none (another C library)';
  say(`@suave/torch ${packageVersion} in ${packageRoot}`);
  say(`machine: ${process.platform}-${process.arch}, Node.js ${process.versions.node}, glibc ${glibc}`);
  for (const name of ['SUAVE_TORCH_BUILD', 'LIBTORCH', 'LD_LIBRARY_PATH', 'LD_PRELOAD'])
    if (process.env[name]) say(`${name}: ${process.env[name]}`);

  say('libtorch, in the order of the search:');
  for (const { origin, candidate, reason } of candidates()) {
    const found = candidate === undefined ? { reason } : inspectRuntime(candidate);
    const { libtorch } = found;
    if (libtorch === undefined) say(`  - ${origin}: ${found.reason}`);
    else
      say(
        `  - ${origin}: ${libtorch.version}${libtorch.cuda ? ' with CUDA' : ''}, C++ ABI ${libtorch.abi}, ${libtorch.libraries}`,
      );
  }

  const entry = join(packageRoot, 'dist/index.js');
  if (!existsSync(entry)) {
    say(`addon: ${entry} does not exist; compile the TypeScript first`);
    return 1;
  }
  const { binaries, searched } = (
    await import(pathToFileURL(join(packageRoot, 'dist/addon/find.js')).href)
  ).findBinaries();
  say('addon, in the order of the search:');
  for (const line of searched) say(`  - ${line}`);
  if (binaries !== null) say(`  - ${binaries.origin}: ${binaries.addon}`);

  const args = ['--input-type=module', '--eval', probe, pathToFileURL(entry).href];
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status === 0) {
    say(`loads: yes, ${stdout.trim()}`);
    return 0;
  }
  const error =
    /LibtorchNotFoundError[\s\S]*?(?=\n {4}at )/.exec(stderr)?.[0] ?? stderr.trim().split('\n').slice(-8).join('\n');
  say(`loads: no${signal === null ? '' : `, the process was ended by ${signal}`}\n${error}`);
  return 1;
}
