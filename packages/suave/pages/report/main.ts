/** @file Start of the report's page: everything is there as HTML; charts, sorting and choosing are added. */
import { drawSpread, startClassTable } from './class-table.js';
import { drawConfusion } from './confusion.js';
import { drawCurves } from './curves.js';
import { drawMap } from './map.js';
import { startCopying, startNavigation } from './navigation.js';
import { drawPrototypes } from './prototypes.js';
import { startTheme } from './theme.js';
import { drawCoverage, drawReliability } from './trust.js';

document.documentElement.classList.add('js');
startTheme();
startNavigation();
startCopying();
startClassTable();
for (const drawPart of [
  drawCurves,
  drawSpread,
  drawConfusion,
  drawReliability,
  drawCoverage,
  drawPrototypes,
  drawMap,
]) {
  drawPart();
}
document.documentElement.dataset.ready = '';
