/** @file Start of the report's page: everything is there as HTML; charts, sorting and choosing are added. */
/*!
Charts: Apache ECharts, Copyright 2017-2026 The Apache Software Foundation, under the Apache License 2.0
(https://www.apache.org/licenses/LICENSE-2.0). This product includes software developed at The Apache Software Foundation
(https://www.apache.org/). It draws with ZRender, Copyright (c) 2017, Baidu Inc., and holds parts of d3, Copyright 2010-2016
Mike Bostock. All rights reserved. ZRender and d3 are under the BSD 3-Clause License:
Redistribution and use in source and binary forms, with or without
modification, are permitted provided that the following conditions are met:
* Redistributions of source code must retain the above copyright notice, this
  list of conditions and the following disclaimer.
* Redistributions in binary form must reproduce the above copyright notice,
  this list of conditions and the following disclaimer in the documentation
  and/or other materials provided with the distribution.
* Neither the name of the copyright holder nor the names of its
  contributors may be used to endorse or promote products derived from
  this software without specific prior written permission.
THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS"
AND ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE
IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE
DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE
FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL
DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR
SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER
CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT LIABILITY,
OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE
OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.
*/
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
