#!/usr/bin/env node
/** @file The command `suave-torch`: builds the addon where no prebuilt package fits, and says what was found. */
const usage = `usage: suave-torch build [--keep-current] [--cache]   compile the addon against the first libtorch found
       suave-torch doctor                             say what was searched, what was found, and whether it loads
`;
const [command, ...args] = process.argv.slice(2);
if (command === 'build') {
  const { buildCommand } = await import('../scripts/build-native.mjs');
  process.exitCode = buildCommand(args);
} else if (command === 'doctor' && args.length === 0) {
  const { doctor } = await import('../scripts/doctor.mjs');
  process.exitCode = await doctor();
} else if (command === '--help' || command === 'help') {
  process.stdout.write(usage);
} else {
  process.stderr.write(usage);
  process.exitCode = 2;
}
