/** @file From a short run that was measured to the epochs of a run that ends in time. */

/**
 * Seconds of a whole epoch of a stage, validation and checkpoint in it: between the ends of its first and its last epoch. Of a single
 * epoch, all the time since the stage before.
 */
export function secondsPerEpoch(records, stage) {
  const own = records.filter((record) => record.stage === stage);
  const last = own.at(-1);
  const ends = own.filter((record, i) => own[i + 1] === undefined || own[i + 1].epoch > record.epoch);
  if (last === undefined) throw new Error(`gpu-cifar: the trial has no line of stage ${stage}.`);
  if (ends.length === 1) return last.seconds - (records[records.indexOf(own[0]) - 1]?.seconds ?? 0);
  return (ends.at(-1).seconds - ends[0].seconds) / (ends.length - 1);
}

/**
 * Epochs of both stages for the seconds that are left. SwAV gets `share` of them; the baseline has a quarter of Suave's epochs.
 * @param cost  seconds of an epoch of `swav`, `suave` and `baseline`
 * @returns     epochs, at least one each, and the seconds that they are expected to take
 */
export function epochsFor(cost, seconds, share) {
  const of = (value) => Math.max(1, Math.floor(value));
  const later = cost.suave + cost.baseline / 4;
  const epochs = { swav: of((share * seconds) / cost.swav), suave: of(((1 - share) * seconds) / later) };
  const baseline = Math.max(1, Math.round(epochs.suave / 4));
  const expected = epochs.swav * cost.swav + epochs.suave * cost.suave + baseline * cost.baseline;
  return { ...epochs, baseline, expected };
}

/** Durations within SwAV in proportion to its epochs: in the recipe, of 500 epochs, 10 warm up and the queue waits for 50. */
export function swavSettings(epochs) {
  return {
    'stages.swav.epochs': epochs,
    'stages.swav.optimizer.warmupEpochs': Math.min(10, epochs / 10),
    'stages.swav.queue.startEpoch': Math.min(50, Math.floor(epochs / 10)),
    'stages.swav.freezePrototypesEpochs': Math.min(2, epochs / 10),
  };
}
