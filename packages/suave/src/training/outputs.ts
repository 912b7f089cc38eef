/** @file What training writes beside `metrics.jsonl`, as `logging.outputs` says: event files for TensorBoard, a table. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Method } from '../methods/index.js';
import type { Config } from '../recipes/index.js';
import { type MetricsRecord, MetricsTable, type RunPaths, readMetrics } from '../runs/index.js';
import { EventWriter, eventFiles, imageSummary, type SummaryValue, textSummary } from '../runs/tensorboard/index.js';
import { parameterHistograms } from './parameter-histograms.js';

/** Epochs of a stage whose weights are looked at, evenly spaced, and the last one. */
const mostHistograms = 100;

/** Writes every record of a run to its outputs. */
export class RunOutputs {
  readonly #config: Config;
  readonly #paths: RunPaths;
  readonly #table: MetricsTable | null;
  #events: EventWriter | null = null;
  #method: Method | null = null;

  /** Call when `metrics.jsonl` is there and cut to the checkpoint. */
  constructor(config: Config, paths: RunPaths) {
    this.#config = config;
    this.#paths = paths;
    this.#table = config.logging.outputs.includes('csv') ? new MetricsTable(paths.metricsTable, paths.metrics) : null;
  }

  /**
   * Begins or continues a stage; earlier ones that have no events get theirs from `metrics.jsonl`.
   * @param step  steps of the stage that are done
   */
  beginStage(index: number, step: number, method: Method): void {
    this.#events?.close();
    this.#method = method;
    if (!this.#config.logging.outputs.includes('tensorboard')) return;
    const records = readMetrics(this.#paths.metrics);
    this.#completeStages(index, records);
    this.#events = this.#open(this.#config.stages[index].name, step, records);
  }

  /** Writes what a finished run lacks, as far as `metrics.jsonl` tells it: the run may have had other outputs. */
  complete(): void {
    if (!this.#config.logging.outputs.includes('tensorboard')) return;
    this.#completeStages(this.#config.stages.length, readMetrics(this.#paths.metrics));
  }

  /** Events of those of the first `count` stages that have none. */
  #completeStages(count: number, records: readonly MetricsRecord[]): void {
    for (const { name } of this.#config.stages.slice(0, count)) {
      if (eventFiles(this.#folder(name)).length === 0) this.#open(name, Infinity, records).close();
    }
  }

  #folder(stage: string): string {
    return join(this.#paths.tensorboard, stage);
  }

  #open(stage: string, step: number, records: readonly MetricsRecord[]): EventWriter {
    const own = records.filter((record) => record.stage === stage && record.step <= step);
    return new EventWriter({ folder: this.#folder(stage), step, records: own, header: this.#header(stage) });
  }

  /** The configuration as text, and what the network saw. */
  #header(stage: string): SummaryValue[] {
    const yaml = readFileSync(this.#paths.config, 'utf8').replace(/^/gm, '    '); // indented text is code in Markdown
    const sheet = join(this.#paths.views, `${stage}.png`);
    const image = existsSync(sheet) ? imageSummary('views', readFileSync(sheet)) : null;
    return [textSummary('config', yaml), ...(image === null ? [] : [image])];
  }

  /** Takes a record that was just appended to `metrics.jsonl`. */
  record(record: MetricsRecord): void {
    this.#table?.append(record);
    this.#events?.record(record);
  }

  /** Takes what an epoch has made of the network, where it is one of those that are looked at. @param record  the line that ends it */
  epochEnded({ stage, step, epoch }: MetricsRecord): void {
    if (this.#events === null || this.#method === null) return;
    const { epochs } = this.#config.stages.find(({ name }) => name === stage)!;
    const done = epoch + 1;
    if (done % Math.ceil(epochs / mostHistograms) !== 0 && done !== epochs) return;
    this.#events.add(step, parameterHistograms(this.#method));
  }

  close(): void {
    this.#table?.close();
    this.#events?.close();
    this.#events = null;
    this.#method = null;
  }
}
