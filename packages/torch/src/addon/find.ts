/** @file Finds the folder of the binaries. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LibtorchNotFoundError } from '../errors.js';

const packageRoot = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** The folder of the binaries in use: `SUAVE_TORCH_BUILD`, else the one that the last build named in `build/current.json`. */
export function findBuild(): { folder: string; searched: string[] } {
  const searched: string[] = [];
  const named = process.env.SUAVE_TORCH_BUILD;
  if (named !== undefined && named !== '') {
    const folder = resolve(named);
    if (existsSync(join(folder, 'suave_torch.node'))) return { folder, searched };
    searched.push(join(folder, 'suave_torch.node'));
  } else {
    const record = join(packageRoot, 'build', 'current.json');
    if (existsSync(record)) {
      const { tag } = JSON.parse(readFileSync(record, 'utf8')) as { tag: string };
      const folder = join(packageRoot, 'build', tag);
      if (existsSync(join(folder, 'suave_torch.node'))) return { folder, searched };
      searched.push(join(folder, 'suave_torch.node'));
    } else {
      searched.push(record);
    }
  }
  throw new LibtorchNotFoundError(searched);
}
