/** @file The folder for what can be made again: builds of the addon where the package's own folder is read-only, what python3 said. */
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/**
 * `$XDG_CACHE_HOME/suave-torch`, else `~/.cache/suave-torch`; it need not exist.
 * @param {NodeJS.ProcessEnv} environment
 */
export function cacheFolder(environment = process.env) {
  const named = environment.XDG_CACHE_HOME;
  // The XDG specification: a relative path is to be ignored.
  const base = named !== undefined && isAbsolute(named) ? named : join(environment.HOME || homedir(), '.cache');
  return join(base, 'suave-torch');
}

/**
 * Where builds of the addon lie in the cache: apart for each version of the package and of the machine's kind.
 * @param {string} packageVersion
 * @param {NodeJS.ProcessEnv} environment
 */
export function cachedBuildRoot(packageVersion, environment = process.env) {
  return join(cacheFolder(environment), 'build', `${packageVersion}-${process.platform}-${process.arch}`);
}
