/**
 * @file Binary data as scripts. A page that was opened from disk may read no files, but it may run scripts that lie beside it; so
 * the data are compressed, written as base64 and handed over by scripts of a few megabytes, which any server takes and which
 * load one after the other, with progress.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { crc32 } from './checksum.js';
import { type PageAsset, partFunction } from './page-model.js';

/** Compressed bytes of one script; a multiple of three, so that every part is base64 of its own. */
const partBytes = 3 << 20;

/**
 * Writes data as `STEM.js`, or `STEM-1.js`, `STEM-2.js`, …
 * @param name  what the data are, for messages
 */
export async function writeAsset(folder: string, stem: string, name: string, data: Uint8Array): Promise<PageAsset> {
  const packed = await promisify(gzip)(data, { level: 9 });
  const count = Math.ceil(packed.length / partBytes);
  const files = Array.from({ length: count }, (_, index) => {
    const path = count === 1 ? `${stem}.js` : `${stem}-${index + 1}.js`;
    const text = packed.subarray(index * partBytes, (index + 1) * partBytes).toString('base64');
    const script = `${partFunction}(${JSON.stringify(path)},"${text}");\n`;
    writeFileSync(join(folder, path), script);
    return { path, bytes: script.length };
  });
  return { name, files, bytes: data.length, crc32: crc32(data) };
}
