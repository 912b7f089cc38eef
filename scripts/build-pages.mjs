#!/usr/bin/env node
/** @file `npm run build:pages`: bundles the browser code of our pages again, while working on them. */
import './lib/node-version.mjs';
import { bundlePages } from './lib/pages.mjs';

bundlePages();
