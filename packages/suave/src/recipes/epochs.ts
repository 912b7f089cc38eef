/** @file The same stage with fewer or more epochs: durations within it may not outlast it. */
import type { Stage } from './schema.js';

/**
 * A copy of a stage with another number of epochs. Where it becomes shorter than published, warm-ups, the start of the queue
 * and frozen epochs take a quarter of it at most.
 * @param epochs  undefined leaves the stage as it is
 */
export function withEpochs<S extends Stage>(stage: S, epochs: number | undefined): S {
  const copy = structuredClone(stage);
  if (epochs === undefined || epochs === stage.epochs) return copy;
  const shortened = shorten(copy, epochs / 4);
  return { ...shortened, epochs };
}

function shorten<S extends Stage>(stage: S, most: number): S {
  const whole = Math.floor(most);
  stage.optimizer.warmupEpochs = Math.min(stage.optimizer.warmupEpochs, most);
  if (stage.method === 'swav' || stage.method === 'suave') {
    stage.queue.startEpoch = Math.min(stage.queue.startEpoch, whole);
    stage.freezePrototypesEpochs = Math.min(stage.freezePrototypesEpochs, most);
  }
  if (stage.method === 'dino' || stage.method === 'daino') {
    stage.teacherTemperature.warmupEpochs = Math.min(stage.teacherTemperature.warmupEpochs, whole);
    stage.freezeLastLayerEpochs = Math.min(stage.freezeLastLayerEpochs, most);
  }
  return stage;
}
