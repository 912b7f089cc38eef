/** @file Binary data of the page, put together from its parts. */
import { crc32 } from '../../src/export/web/checksum.js';
import type { PageAsset } from '../../src/export/web/page-model.js';
import { MismatchError } from './network.js';

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Collects the parts of an asset in order and unpacks them on the way. */
export class AssetReader {
  readonly #asset: PageAsset;
  readonly #writer: WritableStreamDefaultWriter<BufferSource>;
  readonly #unpacked: Promise<Uint8Array>;

  constructor(asset: PageAsset) {
    this.#asset = asset;
    const { readable, writable } = new DecompressionStream('gzip');
    this.#writer = writable.getWriter();
    this.#unpacked = this.#collect(readable.getReader());
    this.#unpacked.catch(() => {}); // `finish` tells
  }

  async #collect(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Uint8Array> {
    const { bytes, name } = this.#asset;
    const out = new Uint8Array(bytes);
    let filled = 0;
    for (;;) {
      const { done, value } = await reader.read().catch(() => {
        throw new MismatchError(`${name} is damaged. Copy the folder again, or export the page again.`);
      });
      if (done) break;
      if (filled + value.length <= bytes) out.set(value, filled);
      filled += value.length;
    }
    if (filled === bytes && crc32(out) === this.#asset.crc32) return out;
    const is = filled === bytes ? 'the same size with another content' : `${filled.toLocaleString('en')} bytes`;
    throw new MismatchError(
      `${name} does not match this page: expected ${bytes.toLocaleString('en')} bytes, got ${is}. Export the page again and keep its files together.`,
    );
  }

  /** Adds the next part. */
  add(base64: string): void {
    this.#writer.write(bytesOf(base64)).catch(() => {}); // `finish` tells
  }

  /** The whole. @throws MismatchError when it is damaged or another one than the page describes */
  async finish(): Promise<Uint8Array> {
    this.#writer.close().catch(() => {});
    return this.#unpacked;
  }
}
