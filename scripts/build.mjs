#!/usr/bin/env node
/** @file `npm run build`: the addon, the operator library and the TypeScript, each only where its sources changed. */
import './lib/node-version.mjs';
import { setUpOrExit } from './setup.mjs';

setUpOrExit('start');
