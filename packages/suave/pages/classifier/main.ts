/** @file Start of the page of an exported classifier. */
import { modelElementId, type PageModel, workerElementId } from '../../src/export/web/page-model.js';
import { Threshold } from './answers.js';
import { Camera } from './camera.js';
import { showClasses } from './class-list.js';
import { announce, byId, duration, megabytes } from './dom.js';
import { Engine } from './engine.js';
import { takePictures } from './intake.js';
import { Results } from './results.js';
import { whatIsMissing } from './support.js';

/** Classes that are shown of a picture. */
const topClasses = 5;

const textOf = (id: string): string => byId(id).textContent ?? '';

/** Nothing can be classified: says why, and takes away what cannot work. */
function giveUp(sentence: string): void {
  for (const id of ['drop', 'loading', 'controls', 'results-section', 'camera-view']) byId(id).hidden = true;
  const problem = byId('problem');
  problem.textContent = sentence;
  problem.hidden = false;
  document.documentElement.dataset.state = 'failed';
}

/** Shows how long something took, for people and for scripts. */
function showTime(id: string, milliseconds: number): void {
  const element = byId<HTMLDataElement>(id);
  element.value = String(milliseconds);
  element.textContent = duration(milliseconds);
}

function start(): void {
  const model = JSON.parse(textOf(modelElementId)) as PageModel;
  showClasses(model.classes);
  const missing = whatIsMissing();
  if (missing !== null) {
    giveUp(missing);
    return;
  }
  const engine = new Engine(textOf(workerElementId));
  const ready = load(engine, model);
  let isFirst = true;
  const onPrediction = (milliseconds: number) => {
    if (isFirst) {
      showTime('first-prediction', milliseconds);
      byId('first').hidden = false;
    }
    isFirst = false;
  };
  const threshold = new Threshold(byId<HTMLInputElement>('threshold'), byId<HTMLOutputElement>('threshold-value'));
  const results = new Results(engine, model.classes, threshold, onPrediction);
  takePictures((pictures) => results.add(pictures));
  const { classes, input } = model;
  new Camera({ engine, ready, classes, input, threshold, onPrediction, onKept: (picture) => results.add([picture]) });
}

async function load(engine: Engine, model: PageModel): Promise<void> {
  const files = [...model.runtime.files, ...model.network.files];
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const progress = byId<HTMLProgressElement>('progress');
  const text = byId('loading-text');
  const show = (done: number) => {
    progress.value = done / total;
    text.textContent =
      done < total
        ? `Loading the network: ${megabytes(done)} of ${megabytes(total)}`
        : `Loading the network: ${megabytes(total)}, almost there`;
  };
  show(0);
  try {
    await engine.load(model, topClasses, show);
  } catch (error) {
    giveUp((error as Error).message);
    return new Promise(() => {}); // nothing follows
  }
  byId('loading').hidden = true;
  showTime('load', performance.now());
  byId('times').hidden = false;
  announce('The network is ready.');
  document.documentElement.dataset.state = 'ready';
}

start();
