/** @file Files that are either complete or absent: written under a temporary name, synchronized, then renamed. */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';

const flushBytes = 4 * 1024 * 1024;

/** Temporary files of other machines that nobody has written to for this long were left by a killed process. */
const staleMs = 24 * 3600 * 1000;

/** Who is writing: part of the temporary name, so that others can tell whether the writer is still alive. */
const writer = `${hostname().replace(/[^\w-]/g, '_')}-${process.pid}`;

/** A file in the making. Several processes may make the same one: each has its own temporary name, the last one stays. */
export class CompleteFile {
  readonly #path: string;
  readonly #temporary: string;
  readonly #file: number;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #position = 0;

  /** Opens a temporary file beside `path`. */
  constructor(path: string) {
    this.#path = path;
    this.#temporary = `${path}.${writer}-${randomBytes(4).toString('hex')}.tmp`;
    this.#file = openSync(this.#temporary, 'wx');
  }

  /** Bytes appended so far. */
  get position(): number {
    return this.#position + this.#waitingBytes;
  }

  /** Identity of the file; it stays the same under the final name. */
  get inode(): number {
    return fstatSync(this.#file).ino;
  }

  /** Adds bytes at the end; they are kept, not copied, until they are written. */
  append(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes >= flushBytes) this.#flush();
  }

  #flush(): void {
    for (const bytes of this.#waiting) {
      this.#write(bytes, this.#position);
      this.#position += bytes.length;
    }
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #write(bytes: Uint8Array, position: number): void {
    let written = 0;
    while (written < bytes.length) {
      written += writeSync(this.#file, bytes, written, bytes.length - written, position + written);
    }
  }

  /** Writes the last bytes and `head` over the beginning, waits for the disk, and gives the file its name. */
  commit(head?: Uint8Array): void {
    this.#flush();
    if (head) this.#write(head, 0);
    fsyncSync(this.#file);
    closeSync(this.#file);
    renameSync(this.#temporary, this.#path);
  }

  /** Removes the temporary file; what was under the name before stays. */
  discard(): void {
    try {
      closeSync(this.#file);
    } catch {
      // Closed already: the rename was what failed.
    }
    rmSync(this.#temporary, { force: true });
  }
}

/** Writes a small file in one go; a full disk leaves the old one as it was. */
export function writeWholeFile(path: string, text: string): void {
  const file = new CompleteFile(path);
  try {
    file.append(Buffer.from(text));
    file.commit();
  } catch (error) {
    file.discard();
    throw error;
  }
}

/** Whether the process that wrote a temporary file of this machine is gone; null for files of other machines. */
function isWriterGone(name: string): boolean | null {
  const [, host, pid] = /\.([\w-]+)-(\d+)-[0-9a-f]{8}\.tmp$/.exec(name) ?? [];
  if (pid === undefined || `${host}-${process.pid}` !== writer) return null;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** Removes temporary files of `path` that killed processes have left behind. */
export function removeStaleTemporaries(path: string): void {
  const folder = dirname(path);
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(`${basename(path)}.`) || !name.endsWith('.tmp')) continue;
    try {
      const isOld = Date.now() - statSync(join(folder, name)).mtimeMs > staleMs;
      if (isWriterGone(name) ?? isOld) rmSync(join(folder, name), { force: true });
    } catch {
      // Another process was faster.
    }
  }
}
