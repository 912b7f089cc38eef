/** @file The file that a command is to write: checked before any work. */
import { existsSync } from 'node:fs';
import { dirname, extname, resolve } from 'node:path';
import { UsageError } from './errors.js';
import { isFolder } from './runs/index.js';

/**
 * The format that the name of a new file asks for.
 * @param command     for messages
 * @param extensions  that are known, in lower case, with their dot
 * @throws UsageError `OUT_FORMAT` for another extension, `OUT_EXISTS` where there is something already, `OUT_NO_FOLDER`
 */
export function checkNewFile<Extension extends string>(
  command: string,
  out: string,
  extensions: readonly Extension[],
): Extension {
  const extension = extname(out).toLowerCase();
  const known = extensions.find((each) => each === extension);
  if (known === undefined) {
    throw new UsageError(
      `suave ${command} --out: expected a file that ends in ${extensions.join(', ')}, got "${out}". The extension chooses the format.`,
      { code: 'OUT_FORMAT' },
    );
  }
  if (existsSync(out)) {
    throw new UsageError(
      `suave ${command} --out: expected a new file, got "${out}", which exists. Choose another name.`,
      { code: 'OUT_EXISTS' },
    );
  }
  const folder = dirname(resolve(out));
  if (isFolder(folder)) return known;
  throw new UsageError(
    `suave ${command} --out: expected a file in a folder, but there is no "${folder}". Make it first.`,
    { code: 'OUT_NO_FOLDER' },
  );
}
