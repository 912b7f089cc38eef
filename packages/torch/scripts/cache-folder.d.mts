/** @file Types of cache-folder.mjs, which the loader shares with the build. */
export function cacheFolder(environment?: NodeJS.ProcessEnv): string;
export function cachedBuildRoot(packageVersion: string, environment?: NodeJS.ProcessEnv): string;
