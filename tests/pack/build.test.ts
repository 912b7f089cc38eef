/**
 * @file The package installed where there is no prebuilt one: the error that says so, `npx suave-torch build`, and a program that
 * trains. The addon is really compiled, which takes minutes of all cores, so it is done when asked for: set-up has just run the same
 * build.
 */
import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newProject, packAll, settingFor } from './project.js';
import { plainEnvironment, root, runIn, temporaryFolder, testedBuild } from './staged.js';

const asked = process.env.SUAVE_TEST_BUILD === '1';
if (!asked)
  console.warn(
    'skipped: it compiles the addon once more; run it by SUAVE_TEST_BUILD=1 npx vitest run tests/pack/build',
  );

const { facts } = testedBuild();
const halfAnHour = 30 * 60_000;

let work: string;
let project: string;
let environment: NodeJS.ProcessEnv;

beforeAll(() => {
  if (!asked) return;
  work = temporaryFolder();
  project = join(work, 'project');
  const { torch, headers } = packAll(work);
  newProject(project, [torch, headers]);
  copyFileSync(join(root, 'tests/pack/consumer/train.mjs'), join(project, 'train.mjs'));
  // A compiler cache, where the machine has one in use, is passed on.
  const compiler = Object.entries(process.env).filter(([name]) => /^(CCACHE_|CMAKE_)/.test(name));
  environment = plainEnvironment(project, { ...Object.fromEntries(compiler), ...settingFor(facts) });
  if (process.env.HOME) environment.CCACHE_DIR ??= join(process.env.HOME, '.cache/ccache');
});

afterAll(() => {
  if (asked) rmSync(work, { recursive: true });
});

test.skipIf(!asked)(
  'without a prebuilt package the error names the command, which builds what then trains',
  {
    timeout: halfAnHour,
  },
  () => {
    const before = runIn(project, process.execPath, ['train.mjs'], environment);
    expect(before.status).toBe(1);
    expect(before.stderr).toContain('npx suave-torch build');

    const build = runIn(project, 'npx', ['suave-torch', 'build', '--cache'], environment);
    expect(build.stderr).toContain('addon ready: torch-');
    expect(build.status).toBe(0);
    expect(existsSync(join(project, 'node_modules/@suave/torch/build'))).toBe(false);
    expect(existsSync(join(project, 'cache/suave-torch/build'))).toBe(true);

    const after = runIn(project, process.execPath, ['train.mjs'], environment);
    expect(after.stderr).toBe('');
    const { version, xor, shapes } = JSON.parse(after.stdout);
    expect({ version, xor }).toEqual({ version: facts.version, xor: 1 });
    expect(shapes).toBeGreaterThan(0.95);

    const again = runIn(project, 'npx', ['suave-torch', 'build', '--cache'], environment);
    expect(again.stderr).not.toContain('building');
    expect(again.status).toBe(0);
  },
);
