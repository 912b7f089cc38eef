/** @file The two sides of a comparison as child processes that answer line by line. */
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The interpreter with Debian's PyTorch, which uses the same libtorch. */
export const python = '/usr/bin/python3';

/** Debian packages by module. */
const packages = { torch: 'python3-torch', torchvision: 'python3-torchvision', PIL: 'python3-pil' };

/** Something that the person who runs the bench can mend. */
export class PeerError extends Error {}

/** Packages that set-up puts there for tests, timm among them. */
const readers = fileURLToPath(new URL('../../.cache/python-readers', import.meta.url));

/** The environment of an interpreter: the system's own is given the packages of the tests. */
const environmentOf = (interpreter) =>
  interpreter === python ? { ...process.env, PYTHONPATH: readers, PYTHONWARNINGS: 'ignore' } : process.env;

/** Those of the modules that an interpreter cannot import. */
export function missingModules(interpreter, modules) {
  const env = environmentOf(interpreter);
  const has = (...names) =>
    spawnSync(interpreter, ['-c', `import ${names.join(', ')}`], { stdio: 'ignore', env }).status === 0;
  return has(...modules) ? [] : modules.filter((name) => !has(name));
}

/** @throws PeerError naming the Debian packages of modules that are missing */
export function requirePython(modules) {
  const missing = missingModules(python, modules);
  if (missing.length === 0) return;
  const names = missing.map((name) => packages[name]).join(' ');
  throw new PeerError(
    `bench: expected ${python} with ${missing.join(' and ')} to compare with, found none. Install it with: apt-get install --no-install-recommends ${names}`,
  );
}

/** A program that first prints one line about itself, then answers each command with one line of JSON. */
export class Program {
  #child;
  #lines;
  #name;
  /** What it said about itself. */
  hello;

  /**
   * @param side     `ours` or `theirs`
   * @param file     script below `bench/ours` or `bench/peers`
   * @param options  handed over as JSON
   * @param interpreter  of their side
   */
  static async start(side, file, options, interpreter = python) {
    const program = new Program();
    const folder = side === 'ours' ? 'ours' : 'peers';
    const script = fileURLToPath(new URL(`../${folder}/${file}`, import.meta.url));
    const threads = String(options.threads);
    // Both sides: the same number of threads for OpenMP and for the BLAS library, set before they are loaded.
    const own = side === 'ours' ? process.env : environmentOf(interpreter);
    const env = { ...own, OMP_NUM_THREADS: threads, OPENBLAS_NUM_THREADS: threads, MKL_NUM_THREADS: threads };
    const [command, first] = side === 'ours' ? [process.execPath, []] : [interpreter, ['-u']];
    program.#name = `${side}: ${file}`;
    program.#child = spawn(command, [...first, script, JSON.stringify(options)], {
      env,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    program.#lines = createInterface({ input: program.#child.stdout })[Symbol.asyncIterator]();
    program.hello = await program.#answer();
    return program;
  }

  /** Sends a command, with an argument as JSON where it takes one, and waits for its answer. */
  async ask(command, argument) {
    this.#child.stdin.write(argument === undefined ? `${command}\n` : `${command} ${JSON.stringify(argument)}\n`);
    return this.#answer();
  }

  async #answer() {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`bench: ${this.#name} ended early; its message is above.`);
    return JSON.parse(value);
  }

  stop() {
    this.#child.stdin.end();
    this.#child.kill();
  }
}
