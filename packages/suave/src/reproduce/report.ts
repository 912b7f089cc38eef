/** @file The table of a reproduction: results beside published numbers, as markdown for people and JSON for programs. */
import { join } from 'node:path';
import { writeFileAtomic } from '../runs/index.js';
import type { Estimate } from './estimate.js';
import type { Cell, Plan } from './plan.js';
import type { JobResult } from './run-jobs.js';

/** A number of the table. All in percent. */
export interface ReportCell {
  /** Head of its column. */
  readonly column: string;
  readonly published: number | null;
  /** Mean of the runs that are done; null before all are. */
  readonly top1: number | null;
  /** Standard deviation over several runs (of the sample), else null. */
  readonly deviation: number | null;
  /** Result minus published number. */
  readonly difference: number | null;
  readonly jobs: readonly string[];
}

/** The table as `--json` prints it. */
export interface Report {
  readonly table: string;
  readonly title: string;
  readonly rows: readonly { readonly row: Record<string, string>; readonly results: readonly ReportCell[] }[];
  readonly jobs: readonly { readonly id: string; readonly done: boolean; readonly seconds: number | null }[];
  readonly notes: readonly string[];
}

const round = (value: number): number => Math.round(value * 100) / 100;

function fill(column: string, { jobs, published }: Cell, results: ReadonlyMap<string, JobResult>): ReportCell {
  const values = jobs.map((id) => results.get(id)?.top1).filter((top1): top1 is number => typeof top1 === 'number');
  const empty = { column, published, top1: null, deviation: null, difference: null, jobs };
  if (values.length < jobs.length || values.length === 0) return empty;
  const mean = (100 * values.reduce((sum, value) => sum + value, 0)) / values.length;
  const squares = values.reduce((sum, value) => sum + (100 * value - mean) ** 2, 0);
  return {
    ...empty,
    top1: round(mean),
    deviation: values.length > 1 ? round(Math.sqrt(squares / (values.length - 1))) : null,
    difference: published === null ? null : round(mean - published),
  };
}

/** Fills the table of a plan with the results that there are. */
export function reportOf(plan: Plan, results: ReadonlyMap<string, JobResult>): Report {
  return {
    table: plan.name,
    title: plan.title,
    rows: plan.rows.map(({ texts, cells }) => ({
      row: Object.fromEntries(plan.heads.map((head, index) => [head, texts[index]])),
      results: cells.map((cell, index) => fill(plan.cellHeads[index], cell, results)),
    })),
    jobs: plan.jobs.map(({ id }) => ({ id, done: results.has(id), seconds: results.get(id)?.seconds ?? null })),
    notes: plan.notes,
  };
}

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const shown = (value: number | null, digits: number): string => (value === null ? '–' : value.toFixed(digits));

function shownResult({ top1, deviation }: ReportCell): string {
  return deviation === null ? shown(top1, 1) : `${shown(top1, 1)} ± ${deviation.toFixed(1)}`;
}

/** The report as a markdown table; published columns only where something is published. */
export function markdownOf(report: Report): string {
  const [first] = report.rows;
  if (first === undefined) return '';
  const hasPublished = report.rows.some(({ results }) => results.some(({ published }) => published !== null));
  const columns = first.results.flatMap(({ column }) =>
    hasPublished ? [`${column} published`, `${column} here`, 'difference'] : [column],
  );
  const heads = [...Object.keys(first.row), ...columns];
  const rows = report.rows.map(({ row, results }) => [
    ...Object.values(row),
    ...results.flatMap((cell) => {
      if (!hasPublished) return [shownResult(cell)];
      const { published, difference } = cell;
      const sign = difference !== null && difference > 0 ? '+' : '';
      return [shown(published, 1), shownResult(cell), `${sign}${shown(difference, 1)}`];
    }),
  ]);
  const table = [line(heads), line(heads.map(() => '---')), ...rows.map(line)];
  return [`# ${report.title}`, '', ...table, '', ...report.notes.map((note) => `- ${note}`), ''].join('\n');
}

/** Writes OUT/NAME.md and OUT/NAME.json. */
export function writeReport(report: Report, out: string): void {
  writeFileAtomic(join(out, `${report.table}.md`), markdownOf(report));
  writeFileAtomic(join(out, `${report.table}.json`), `${JSON.stringify(report, null, 2)}\n`);
}

/** What `--dry-run` prints as JSON. */
export interface PlanReport {
  readonly table: string;
  readonly jobs: readonly {
    readonly id: string;
    readonly title: string;
    readonly recipe: string;
    readonly from: string | null;
    readonly state: 'done' | 'to do';
    readonly steps: number;
    readonly deviceHours: number;
  }[];
  /** Of the jobs that are still to do. */
  readonly deviceHours: number;
  readonly measurements: readonly string[];
  readonly notes: readonly string[];
}

/** The plan with the time it takes. */
export function planReportOf(plan: Plan, estimate: Estimate, results: ReadonlyMap<string, JobResult>): PlanReport {
  const hours = new Map(estimate.jobs.map((job) => [job.id, job]));
  const jobs = plan.jobs.map(({ id, title, recipe, init }) => {
    const { steps, hours: deviceHours } = hours.get(id)!;
    const from = init === null ? null : 'file' in init ? init.file : init.job;
    const state = results.has(id) ? ('done' as const) : ('to do' as const);
    return { id, title, recipe, from, state, steps, deviceHours: Number(deviceHours.toPrecision(3)) };
  });
  const left = jobs.filter((job) => job.state === 'to do').reduce((sum, job) => sum + job.deviceHours, 0);
  return {
    table: plan.name,
    jobs,
    deviceHours: Number(left.toPrecision(3)),
    measurements: estimate.measurements,
    notes: plan.notes,
  };
}
