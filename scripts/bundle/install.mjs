/**
 * @file Installs an unpacked bundle: checks its files, finds PyTorch, builds the addon with the compiler that is there, says what
 * the result can do. Started by install.sh with the bundle's Node.js. Does only what is missing; never touches the network.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { BuildError, buildAll } from '../../packages/torch/scripts/build-native.mjs';
import { findCompiler } from '../../packages/torch/scripts/compile-directly.mjs';
import { buildTag, findLibtorch } from '../../packages/torch/scripts/libtorch.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const usage = `usage: ./install.sh [--prefix DIR] [--libtorch DIR] [--jobs N]

  --prefix DIR    also link the command as DIR/bin/suave (without it: ${join(root, 'bin/suave')})
  --libtorch DIR  the PyTorch to build against: the folder named torch in its Python's site-packages, or an unpacked libtorch;
                  without it LIBTORCH, then the torch of python3 on the PATH, then the system's
  --jobs N        compilations at a time; as many as processors and memory allow unless said
`;
/** What a build takes on the disk while it runs. */
const bytesForBuild = 1e9;

/** A failure that is the machine's or the user's to mend. */
class InstallError extends Error {}

const say = (line) => process.stderr.write(`install: ${line}\n`);

/** Options of the command line, or null after the usage was printed. */
function readOptions() {
  const options = {
    prefix: { type: 'string' },
    libtorch: { type: 'string' },
    jobs: { type: 'string' },
    help: { type: 'boolean' },
  };
  const { values } = parseArgs({ options });
  if (values.help) return null;
  const jobs = values.jobs === undefined ? undefined : Number(values.jobs);
  if (jobs !== undefined && !(Number.isInteger(jobs) && jobs >= 1))
    throw new InstallError(`--jobs: expected a whole number from 1, got "${values.jobs}".`);
  return { prefix: values.prefix, libtorch: values.libtorch, jobs };
}

/** Compares the files with the manifest: an archive that was cut off or changed on its way would fail later, and strangely. */
function checkFiles() {
  const { files } = JSON.parse(readFileSync(join(root, 'manifest.json'), 'utf8'));
  const isWhole = ([path, { bytes, sha256 }]) => {
    const file = join(root, path);
    if (!existsSync(file) || statSync(file).size !== bytes) return false;
    return createHash('sha256').update(readFileSync(file)).digest('hex') === sha256;
  };
  const broken = Object.entries(files).filter((entry) => !isWhole(entry));
  if (broken.length === 0) return;
  throw new InstallError(
    `${broken.length} of the bundle's files are missing or changed, the first is ${broken[0][0]}. Compare the archive's sha256 and unpack it again.`,
  );
}

/** The libtorch to build against. */
function chooseLibtorch(named) {
  const folder = named ?? process.env.LIBTORCH;
  const wanted = folder ? resolve(folder) : undefined;
  const { libtorch, passedOver } = findLibtorch({ ...process.env, LIBTORCH: wanted });
  if (wanted !== undefined && libtorch?.origin !== 'LIBTORCH') {
    const place = named === undefined ? 'LIBTORCH' : '--libtorch';
    throw new InstallError(
      `${place} ${wanted} cannot be built against: ${passedOver[0]?.replace(/^LIBTORCH: /, '')}. Give the folder named torch of a PyTorch 2.x, which has include/ and lib/.`,
    );
  }
  for (const reason of passedOver) say(`passed over ${reason}`);
  if (libtorch === null) {
    throw new InstallError(
      'no PyTorch was found: python3 on the PATH has no torch with headers, and the system has no libtorch. Activate the environment that has it, or give its folder: ./install.sh --libtorch DIR (python3 -c "import torch; print(torch.__path__[0])" prints it).',
    );
  }
  return libtorch;
}

function canWrite(folder) {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** What a build needs and this machine may lack. */
function checkMachine() {
  if (findCompiler() === null) {
    throw new InstallError(
      'there is no C++ compiler: none of c++, g++ and clang++ is on the PATH. Install g++ (Debian: apt-get install g++; Fedora: dnf install gcc-c++), or set CXX to one.',
    );
  }
  const { bavail, bsize } = statfsSync(root);
  if (bavail * bsize < bytesForBuild) {
    const free = Math.round((bavail * bsize) / 1e6);
    throw new InstallError(
      `${root} has ${free} MB free; a build takes up to ${bytesForBuild / 1e6}. Make room or move it.`,
    );
  }
}

/** Builds what is not built yet. */
function build({ libtorch: named, jobs }) {
  const built = join(root, 'packages/torch/build/current.json');
  if (!canWrite(join(root, 'packages/torch')) || (existsSync(dirname(built)) && !canWrite(dirname(built)))) {
    if (!existsSync(built)) throw new InstallError(`${root} cannot be written to. Move it to where you may write.`);
    say(`${root} cannot be written to: the build in it stays as it is`);
    return;
  }
  const libtorch = chooseLibtorch(named);
  say(`PyTorch ${libtorch.version}${libtorch.cuda ? ' with CUDA' : ', CPU only'} (${libtorch.libraries})`);
  if (!existsSync(join(root, 'packages/torch/build', buildTag(libtorch), 'suave_torch.stamp'))) checkMachine();
  const began = performance.now();
  if (!buildAll({ libtorch, log: say, jobs, useCmake: false })) say('the addon is built already');
  else say(`built in ${Math.round((performance.now() - began) / 1000)} s`);
}

/** Links the command into PREFIX/bin. @returns the command's path */
function linkCommand(prefix) {
  const command = join(root, 'bin/suave');
  if (prefix === undefined) return command;
  const link = join(resolve(prefix), 'bin/suave');
  const present = lstatSync(link, { throwIfNoEntry: false });
  if (present !== undefined && !present.isSymbolicLink())
    throw new InstallError(`${link} exists and is no link of ours. Remove it, or choose another --prefix.`);
  try {
    mkdirSync(dirname(link), { recursive: true });
    rmSync(link, { force: true });
    symlinkSync(command, link);
  } catch (error) {
    throw new InstallError(`${link} cannot be made (${error.code}). Choose another --prefix.`);
  }
  return link;
}

function main() {
  let options;
  try {
    options = readOptions();
  } catch (error) {
    process.stderr.write(`install: ${error.message}\n${usage}`);
    return 2;
  }
  if (options === null) {
    process.stdout.write(usage);
    return 0;
  }
  checkFiles();
  build(options);
  const command = linkCommand(options.prefix);
  const doctor = spawnSync(process.execPath, [join(root, 'packages/suave/bin/suave.js'), 'doctor'], {
    stdio: 'inherit',
  });
  if (doctor.status !== 0) throw new InstallError('the addon is built, but suave doctor finds it wanting: see above.');
  say(`ready: ${command}`);
  return 0;
}

try {
  process.exitCode = main();
} catch (error) {
  say(error instanceof InstallError || error instanceof BuildError ? error.message : error.stack);
  process.exitCode = 1;
}
