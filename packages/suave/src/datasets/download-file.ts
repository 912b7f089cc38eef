/**
 * @file Downloads one file: what has come is kept under `PATH.part` and continued by the next try or the next call;
 * the file gets its name only when its checksum is right.
 */
import { createHash } from 'node:crypto';
import { createReadStream, renameSync, rmSync, statfsSync, statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import http, { type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import https from 'node:https';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataError, SuaveError } from '../errors.js';

/** What to download, and how. */
export interface DownloadRequest {
  /** http or https. */
  readonly url: string;
  /** Where the file goes. */
  readonly path: string;
  /** Hexadecimal MD5 (32 digits) or SHA-256 (64 digits). */
  readonly checksum: string;
  /** Bytes that are needed on the same disk beside the file. */
  readonly extraBytes?: number;
  /** Further tries in a row after one that brought nothing; 5 unless said. */
  readonly retries?: number;
  /** Pause before the second try in seconds, doubled each time up to 30; 1 unless said. */
  readonly backoffSeconds?: number;
  /** Called with the bytes there are and the bytes of the whole file, null where the server does not say. */
  readonly onProgress?: (done: number, total: number | null) => void;
  /** Called before a pause with what went wrong. */
  readonly onRetry?: (reason: string, seconds: number) => void;
  readonly signal?: AbortSignal;
}

/** How a download went. */
export interface Downloaded {
  readonly bytes: number;
  /** Bytes that an earlier call had left; 0 for a fresh start. */
  readonly resumedFrom: number;
}

/** A server that sends nothing for so long is given up, seconds. */
const stallSeconds = 60;

/** A try that may go better the next time. */
class Passing extends Error {}

/**
 * Downloads a file.
 * @throws DataError URL, HTTP_STATUS (the address is wrong), CHECKSUM; SuaveError DOWNLOAD (the network), NO_SPACE, both
 *         exit status 1; the signal's reason when stopped, with the partial file kept
 */
export async function downloadFile(request: DownloadRequest): Promise<Downloaded> {
  const { path, checksum } = request;
  const algorithm = checksumAlgorithm(checksum);
  checkUrl(request.url);
  const part = `${path}.part`;
  const resumedFrom = sizeOf(part);
  await fetchAll(request, part);
  let found = await hashOf(part, algorithm);
  if (found !== checksum.toLowerCase() && resumedFrom > 0) {
    // The partial file may have been of another version of the file: once more from the start.
    rmSync(part);
    await fetchAll(request, part);
    found = await hashOf(part, algorithm);
  }
  if (found !== checksum.toLowerCase()) {
    rmSync(part);
    throw new DataError(
      `download: expected ${algorithm.toUpperCase()} ${checksum} of "${request.url}", got ${found}. The file at this address is another one or was changed on its way; nothing is kept.`,
      { code: 'CHECKSUM', file: path },
    );
  }
  const bytes = sizeOf(part);
  renameSync(part, path);
  return { bytes, resumedFrom };
}

/**
 * Which checksum a text is.
 * @throws DataError CHECKSUM
 */
export function checksumAlgorithm(checksum: string): 'md5' | 'sha256' {
  if (/^[0-9a-f]{32}$/i.test(checksum)) return 'md5';
  if (/^[0-9a-f]{64}$/i.test(checksum)) return 'sha256';
  throw new DataError(
    `--checksum: expected 32 (MD5) or 64 (SHA-256) hexadecimal digits, got "${checksum}". Copy it from the publisher's page.`,
    { code: 'CHECKSUM' },
  );
}

/** Hexadecimal checksum of a file. */
export async function hashOf(path: string, algorithm: 'md5' | 'sha256'): Promise<string> {
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

function checkUrl(url: string): void {
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return;
  throw new DataError(`--url: expected an address that begins with http:// or https://, got "${url}". Correct it.`, {
    code: 'URL',
  });
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** Tries until the whole file is there; a try that brought bytes starts the count anew. */
async function fetchAll(request: DownloadRequest, part: string): Promise<void> {
  const { retries = 5, backoffSeconds = 1, signal } = request;
  let failures = 0;
  for (;;) {
    const before = sizeOf(part);
    try {
      return await fetchRest(request, part);
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof Passing)) throw error;
      failures = sizeOf(part) > before ? 1 : failures + 1;
      if (failures > retries) {
        throw new SuaveError(
          'DOWNLOAD',
          `download: expected "${request.url}" to answer, got ${error.message} in ${failures} tries. Check the network; the same command continues where this one stopped.`,
          { exitCode: 1, cause: error },
        );
      }
      const seconds = Math.min(30, backoffSeconds * 2 ** (failures - 1));
      request.onRetry?.(error.message, seconds);
      await sleep(1000 * seconds, undefined, { signal });
    }
  }
}

/** One try: asks for what is missing and appends it. */
async function fetchRest(request: DownloadRequest, part: string): Promise<void> {
  const start = sizeOf(part);
  const headers: OutgoingHttpHeaders = start > 0 ? { range: `bytes=${start}-` } : {};
  const response = await passing(get(request.url, headers, request.signal));
  try {
    const place = placeOf(response, start, request.url);
    if (place === 'complete') return;
    if (place === 'useless') {
      rmSync(part);
      throw new Passing('a partial file that does not fit');
    }
    checkSpace(request, part, place);
    const file = await open(part, place.start === 0 ? 'w' : 'a');
    try {
      await writeBody(response, file, place, request);
      await file.sync();
    } finally {
      await file.close();
    }
  } finally {
    response.destroy();
  }
}

const redirections = [301, 302, 303, 307, 308];

/**
 * The answer of a server, its body still to be read: the bytes as they are sent, even where the server declares a .gz
 * file to be an encoding. Redirections are followed.
 */
async function get(
  url: string,
  headers: OutgoingHttpHeaders,
  signal: AbortSignal | undefined,
  hops = 10,
): Promise<IncomingMessage> {
  checkUrl(url);
  const start = url.startsWith('https:') ? https.request : http.request;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = start(url, { headers, signal }, resolve);
    request.setTimeout(1000 * stallSeconds, () => request.destroy(new Error(`nothing for ${stallSeconds} s`)));
    request.on('error', reject);
    request.end();
  });
  const { location } = response.headers;
  if (location === undefined || hops === 0 || !redirections.includes(response.statusCode ?? 0)) return response;
  response.destroy();
  return get(new URL(location, url).href, headers, signal, hops - 1);
}

/** Where the answer's bytes belong. */
interface Place {
  readonly start: number;
  /** Bytes of the whole file, or null. */
  readonly total: number | null;
}

function placeOf(response: IncomingMessage, start: number, url: string): Place | 'complete' | 'useless' {
  const { statusCode: status = 0, headers } = response;
  const length = headers['content-length'];
  const [, first, size] = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(headers['content-range'] ?? '') ?? [];
  if (status === 200) return { start: 0, total: length === undefined ? null : Number(length) };
  if (status === 206) {
    if (Number(first) !== start) return 'useless';
    return { start, total: size === '*' ? null : Number(size) };
  }
  if (status === 416 && start > 0) return Number(size) === start ? 'complete' : 'useless';
  if (status >= 500 || status === 429 || status === 408) throw new Passing(`HTTP status ${status}`);
  throw new DataError(
    `download: expected the file at "${url}", got HTTP status ${status}. Give the address of a copy with --url.`,
    { code: 'HTTP_STATUS' },
  );
}

async function writeBody(
  response: IncomingMessage,
  file: FileHandle,
  { start, total }: Place,
  request: DownloadRequest,
): Promise<void> {
  let done = start;
  request.onProgress?.(done, total);
  const chunks = response[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  for (;;) {
    const chunk = await passing(chunks.next());
    if (chunk.done) break;
    await writeChunk(file, chunk.value, request.path);
    done += chunk.value.length;
    request.onProgress?.(done, total);
  }
  if (total !== null && done < total) throw new Passing(`only ${done} of ${total} bytes`);
}

async function writeChunk(file: FileHandle, chunk: Uint8Array, path: string): Promise<void> {
  try {
    await file.writeFile(chunk);
  } catch (cause) {
    if (!['ENOSPC', 'EDQUOT'].includes((cause as NodeJS.ErrnoException).code ?? '')) throw cause;
    throw noSpace(path, 'no space left while writing', cause);
  }
}

/** Names what the network did; everything it does may pass. */
async function passing<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof DataError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Passing(code ?? message, { cause: error });
  }
}

function checkSpace(request: DownloadRequest, part: string, { start, total }: Place): void {
  const needed = (total ?? start) - start + (request.extraBytes ?? 0);
  const { bavail, bsize } = statfsSync(dirname(part));
  if (needed <= bavail * bsize) return;
  throw noSpace(request.path, `${megabytes(bavail * bsize)} free of ${megabytes(needed)} that are still needed`);
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`;
}

function noSpace(path: string, got: string, cause?: unknown): SuaveError {
  return new SuaveError(
    'NO_SPACE',
    `download: expected room for the set in "${dirname(path)}", got ${got}. Free some space or choose another disk with --out DIR.`,
    { exitCode: 1, cause },
  );
}
