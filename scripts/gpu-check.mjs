/**
 * @file The parts of `scripts/gpu-check.sh`: install, doctor, tests on each device, steps against PyTorch, a real run on CIFAR-10. Each
 * part is a program of its own with a time limit; one that fails does not stop the others. OUT holds PART.json and PART.log of
 * each, and summary.txt. Exit status: 0 all parts passed, 1 some failed, 2 wrong usage, 3 some are left for the same command again.
 */
import './lib/node-version.mjs';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { checkParts } from './lib/gpu-parts.mjs';
import { runLimited } from './lib/limited.mjs';
import { readIfPresent, root } from './lib/process.mjs';

const usage = `Usage: scripts/gpu-check.sh [OUT] [options]

  OUT                folder for results and logs (gpu-check); parts with a result in it are not done again
  --data DATA        CIFAR-10 for the real run: class folders, a .tar.gz of them, or a file of suave prepare; without it that part is skipped
  --device DEVICE    cuda (default) or cpu
  --only PART,…      these parts alone, done again where they have a result
  --limit SECONDS    starts no part that could last longer than what is left of these
  --minutes N        of the real run (9)
  --again            all parts again
  --small            few tests and tiny steps: that the check itself works
`;

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      data: { type: 'string' },
      device: { type: 'string', default: 'cuda' },
      only: { type: 'string' },
      limit: { type: 'string' },
      minutes: { type: 'string' },
      again: { type: 'boolean', default: false },
      small: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return null;
  if (positionals.length > 1) throw new Error(`expected one OUT, got ${positionals.join(' ')}`);
  if (!['cuda', 'cpu'].includes(values.device)) throw new Error(`--device: expected cuda or cpu, got ${values.device}`);
  if (values.data !== undefined && !existsSync(values.data)) throw new Error(`--data: there is no ${values.data}`);
  const limit = values.limit === undefined ? Number.POSITIVE_INFINITY : Number(values.limit);
  if (!(limit > 0)) throw new Error(`--limit: expected seconds above 0, got ${values.limit}`);
  const minutes = Number(values.minutes ?? (values.small ? 1 : 9));
  if (!(minutes > 0)) throw new Error(`--minutes: expected a number above 0, got ${values.minutes}`);
  return {
    ...values,
    limit,
    minutes,
    only: values.only?.split(',').map((name) => name.trim()) ?? null,
    data: values.data === undefined ? null : resolve(values.data),
    out: resolve(positionals[0] ?? 'gpu-check'),
  };
}

const say = (text) => process.stderr.write(`gpu-check: ${text}\n`);

/** What a part left in OUT, or null. */
function resultOf(out, name) {
  const text = readIfPresent(join(out, `${name}.json`));
  return text === null ? null : JSON.parse(text);
}

/** Runs a part and writes down how it ended; null where the check itself was asked to end. */
async function runPart(part, request) {
  const { out } = request;
  const log = join(out, `${part.name}.log`);
  const begin = performance.now();
  const [program, ...args] = typeof part.command === 'function' ? part.command() : part.command;
  const limitMs = 1000 * part.limit;
  const end = await runLimited(program, args, { cwd: root, log, limitMs, env: part.environment ?? {} });
  if (end.interrupted) return null;
  const seconds = Math.round((performance.now() - begin) / 1000);
  const how = end.timedOut ? `stopped after ${part.limit} s` : end.status === 0 ? null : `exit status ${end.status}`;
  let facts = {};
  try {
    facts = part.read?.({ out, stdout: end.stdout }) ?? {};
  } catch (error) {
    facts = { problem: how ?? `its result cannot be read: ${error.message}` };
  }
  const { problem = null, figures = '', ...details } = facts;
  const status = how === null && problem === null ? 'passed' : 'failed';
  const result = { part: part.name, status, seconds, problem: problem ?? how, figures, ...details };
  writeFileSync(join(out, `${part.name}.json`), `${JSON.stringify(result, null, 2)}\n`);
  return result;
}

function summaryOf(parts, out) {
  const rows = parts.map((part) => {
    const result = resultOf(out, part.name);
    if (result === null) return [part.name, part.skip === undefined ? 'to do' : 'skipped', '', part.skip ?? ''];
    return [part.name, result.status, `${result.seconds} s`, result.problem ?? '', result.figures];
  });
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column].length)));
  return rows
    .map(([name, status, seconds, ...words]) => {
      const [first, ...more] = words
        .filter((word) => word !== '')
        .join('\n')
        .split('\n');
      const start = `${name.padEnd(widths[0])}  ${status.padEnd(widths[1])}  ${seconds.padStart(widths[2])}  `;
      const indent = ' '.repeat(start.length);
      return [`${start}${first}`, ...more.map((line) => `${indent}${line}`)].join('\n').trimEnd();
    })
    .join('\n');
}

async function main() {
  const request = readArguments();
  if (request === null) {
    process.stdout.write(usage);
    return 0;
  }
  const begin = performance.now();
  const { out } = request;
  mkdirSync(out, { recursive: true });
  const parts = checkParts(request);
  const names = parts.map(({ name }) => name);
  const unknown = request.only?.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`--only: expected parts of ${names.join(', ')}, got ${unknown}`);
  for (const part of parts) {
    if (request.only !== null && !request.only.includes(part.name)) continue;
    if (part.skip !== undefined) {
      say(`${part.name}: skipped, ${part.skip}`);
      continue;
    }
    const isForced = request.again || request.only !== null;
    const earlier = isForced ? null : resultOf(out, part.name);
    if (earlier !== null) {
      say(`${part.name}: ${earlier.status} before`);
      continue;
    }
    const left = request.limit - (performance.now() - begin) / 1000;
    if (part.limit > left) {
      say(`${part.name}: left for the next command, it may last ${part.limit} s and ${Math.round(left)} s are left`);
      continue;
    }
    say(`${part.name} …`);
    const result = await runPart(part, request);
    if (result === null) {
      say(`interrupted; ${part.name} is done again by the same command`);
      return 130;
    }
    const { status, seconds, problem } = result;
    say(
      `${part.name}: ${status} in ${seconds} s${problem === null ? '' : `: ${problem}; see ${join(out, `${part.name}.log`)}`}`,
    );
    if (status === 'failed' && part.isNeeded) {
      say(`without ${part.name} nothing else can be checked`);
      break;
    }
  }
  const summary = summaryOf(parts, out);
  writeFileSync(join(out, 'summary.txt'), `${summary}\n`);
  process.stdout.write(`\n${summary}\n`);
  const wanted = parts.filter(({ name, skip }) => skip === undefined && (request.only?.includes(name) ?? true));
  const results = wanted.map(({ name }) => resultOf(out, name));
  if (results.some((result) => result?.status === 'failed')) return 1;
  return results.includes(null) ? 3 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`gpu-check: ${error.message}\n\n${usage}`);
  process.exitCode = 2;
}
