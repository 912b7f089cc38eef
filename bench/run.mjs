/**
 * @file `npm run bench -- NAME [--json] [--pairs N] [--threads N]`: runs one comparison against Python's PyTorch.
 * Ours and theirs are two processes that take turns, so that both are warm and see the same machine.
 * The result is `ratio` = ours / theirs, the median over the pairs: smaller is better, 1 is equal.
 */

import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { runGpuStep } from './gpu-step.mjs';
import { benches } from './lib/benches.mjs';
import { describeHardware } from './lib/hardware.mjs';
import { PeerError, Program, requirePython } from './lib/programs.mjs';
import { comparePairs } from './lib/statistics.mjs';

const usage = `Usage: npm run bench -- ${Object.keys(benches).join('|')} [--json] [--pairs N] [--threads N]

${Object.entries(benches)
  .map(([name, { description }]) => `  ${name.padEnd(10)}${description}`)
  .join('\n')}
  gpu-step  whole training steps on a GPU; options of its own: npm run bench -- gpu-step --help
`;

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      pairs: { type: 'string', default: '9' },
      threads: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const [name] = positionals;
  if (values.help) return null;
  const pairs = Number(values.pairs);
  const threads = values.threads === undefined ? availableParallelism() : Number(values.threads);
  if (!Object.hasOwn(benches, name ?? '')) throw new PeerError(`bench: no comparison "${name ?? ''}".\n\n${usage}`);
  if (!(Number.isInteger(pairs) && pairs >= 7))
    throw new PeerError(`bench: expected --pairs of at least 7, got ${values.pairs}.`);
  if (!(Number.isInteger(threads) && threads >= 1))
    throw new PeerError(`bench: expected --threads of at least 1, got ${values.threads}.`);
  return { name, pairs, threads, json: values.json };
}

/** Runs `pairs` pairs of one case; the two sides take turns in going first. */
async function measure(bench, options, pairs) {
  const programs = {};
  try {
    programs.ours = await Program.start('ours', bench.ours, options);
    const hello = programs.ours.hello;
    programs.theirs = await Program.start('theirs', bench.theirs, { ...options, ...hello.forPeer });
    const checks = bench.check?.(hello, programs.theirs.hello) ?? {};
    const seconds = { ours: [], theirs: [] };
    for (let pair = 0; pair < pairs; pair++) {
      for (const side of pair % 2 === 0 ? ['ours', 'theirs'] : ['theirs', 'ours']) {
        seconds[side].push((await programs[side].ask('sample')).seconds);
      }
      if (process.stderr.isTTY) process.stderr.write(`\r${bench.name}: pair ${pair + 1} of ${pairs} `);
    }
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    const ends = { ours: await programs.ours.ask('end'), theirs: await programs.theirs.ask('end') };
    const checked = bench.checkEnd?.(ends.ours, ends.theirs) ?? {};
    return {
      ...comparePairs(seconds.ours, seconds.theirs, hello.callsPerSample ?? 1),
      peak_memory_mib: { ours: ends.ours.peakMiB, theirs: ends.theirs.peakMiB },
      ...checks,
      ...checked,
      versions: { ours: hello.versions, theirs: programs.theirs.hello.versions },
    };
  } finally {
    for (const program of Object.values(programs)) program.stop();
  }
}

async function main() {
  const request = readArguments();
  if (request === null) {
    process.stdout.write(usage);
    return;
  }
  const bench = { name: request.name, ...benches[request.name] };
  requirePython(bench.pythonModules);
  const threads = bench.threads ?? request.threads;
  const cases = {};
  for (const [name, options] of Object.entries(bench.cases)) {
    cases[name] = await measure(bench, { threads, ...options }, request.pairs);
  }
  // With several cases the headline is the least favorable one.
  const [headline, worst] = Object.entries(cases).reduce((a, b) => (b[1].ratio > a[1].ratio ? b : a));
  const { versions, ...figures } = worst;
  const result = {
    bench: request.name,
    description: bench.description,
    ...figures,
    target: bench.target,
    ...(Object.keys(cases).length > 1
      ? {
          case: headline,
          cases: Object.fromEntries(Object.entries(cases).map(([name, { versions: _v, ...rest }]) => [name, rest])),
        }
      : {}),
    threads,
    versions: { node: process.version, ...versions.ours, python: versions.theirs },
    hardware: describeHardware(),
    date: new Date().toISOString(),
  };
  process.stdout.write(request.json ? `${JSON.stringify(result)}\n` : `${JSON.stringify(result, null, 2)}\n`);
}

try {
  if (process.argv[2] === 'gpu-step') await runGpuStep(process.argv.slice(3));
  else await main();
} catch (error) {
  if (!(error instanceof PeerError) && !String(error?.code).startsWith('ERR_PARSE_ARGS')) throw error;
  process.stderr.write(`${error.message.trim()}\n`);
  process.exitCode = 2;
}
