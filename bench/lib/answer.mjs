/** @file Our side of the line protocol of `programs.mjs`. */
import { createInterface } from 'node:readline';
import { libtorchInfo, setNumThreads } from '@suave/torch';

/** The options that this program was started with; sets the threads of libtorch. */
export function readOptions() {
  const options = JSON.parse(process.argv[2]);
  setNumThreads(options.threads);
  return options;
}

/** Versions of what is measured. */
export function versions() {
  const { version, folder } = libtorchInfo();
  return { libtorch: version, folder };
}

/** Peak resident memory of this process, MiB. */
export const peakMiB = () => Math.round(process.resourceUsage().maxRSS / 1024);

/**
 * Says hello and answers commands until the input ends.
 * @param hello     what this program says about itself
 * @param sample    does one sample; its seconds are measured here
 * @param end       what is said at the end, besides peak memory
 * @param commands  further commands by name: given what follows the name, as JSON, each returns its answer
 */
export async function answer(hello, sample, end = () => ({}), commands = {}) {
  const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
  say({ versions: versions(), ...hello });
  for await (const line of createInterface({ input: process.stdin })) {
    const [command, ...rest] = line.split(' ');
    if (command === 'sample') {
      const started = process.hrtime.bigint();
      await sample();
      say({ seconds: Number(process.hrtime.bigint() - started) / 1e9 });
    } else if (command === 'end') {
      say({ peakMiB: peakMiB(), ...end() });
    } else if (Object.hasOwn(commands, command)) {
      say(await commands[command](JSON.parse(rest.join(' ') || 'null')));
    }
  }
}
