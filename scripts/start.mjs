#!/usr/bin/env node
/**
 * @file `npm start -- ARGS`: the set-up that is missing, then `suave demo ARGS` in this very process, so that its
 * standard output, signals and exit status are the demo's own.
 */
import { setUpOrExit } from './setup.mjs';

setUpOrExit('start');
process.argv.splice(2, 0, 'demo');
await import('../packages/suave/bin/suave.js');
