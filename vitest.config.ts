import { defineConfig } from 'vitest/config';

// Test files run beside each other, so each takes one thread, unless told otherwise; tests that are about threads set them.
const { OMP_NUM_THREADS = '1', OPENBLAS_NUM_THREADS = '1' } = process.env;

export default defineConfig({
  test: {
    pool: 'forks',
    include: ['packages/*/src/**/*.test.ts', 'tests/**/*.test.ts', 'bench/**/*.test.ts'],
    setupFiles: ['tests/fixtures/property-seed.ts'],
    env: { OMP_NUM_THREADS, OPENBLAS_NUM_THREADS },
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    // The generated operators are long: they are transformed once, not for every file of tests.
    experimental: { fsModuleCache: true },
    // Compiled packages are loaded as any program loads them, not transformed once more for every test file.
    server: { deps: { external: [/\/packages\/(torch|suave)\/dist\//] } },
    expect: { poll: { timeout: 30_000 } },
  },
});
