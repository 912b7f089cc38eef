/** @file Tables of a report that come from the files of the run: the resolved recipe, machine, time and throughput. */
import { type Config, describeConfig } from '../recipes/index.js';
import type { Environment, MetricsRecord } from '../runs/index.js';
import type { Facts } from './report-data.js';

const titles: Readonly<Record<string, string>> = {
  data: 'Data',
  normalization: 'Normalization',
  model: 'Model',
  evaluation: 'Evaluation',
  logging: 'Log and checkpoints',
  baseline: 'Supervised baseline',
};

/** The configuration by sections, `stages.NAME.` one table each. */
export function recipeFacts(config: Config): Facts[] {
  const sections = new Map<string, [string, string][]>();
  for (const { path, value } of describeConfig(config)) {
    const [first, second] = path.split('.');
    const isStage = first === 'stages';
    const title = isStage ? `Stage ${second}` : (titles[first] ?? 'Run');
    const prefix = isStage ? `stages.${second}.` : first in titles ? `${first}.` : '';
    const rows = sections.get(title) ?? [];
    rows.push([path.slice(prefix.length), plain(value)]);
    sections.set(title, rows);
  }
  return [...sections].map(([title, rows]) => ({ title, rows }));
}

/** JSON text as people write it: no quotation marks around a word, spaces after commas. */
function plain(json: string): string {
  const value: unknown = JSON.parse(json);
  if (value === null) return 'none';
  return Array.isArray(value) ? value.map(String).join(', ') : String(value);
}

/** Seconds as `1 h 02 min`, `2 min 03 s`, `7.2 s`. */
function duration(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const two = (value: number): string => String(value).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor(whole / 60) % 60)} min`;
}

/** Time of training, by stage, and images a second of it, validation and checkpoints included. */
function timeFacts(records: readonly MetricsRecord[]): Facts | null {
  const rows: [string, string][] = [];
  const stages = [...new Set(records.map((record) => record.stage))];
  let before = 0;
  for (const stage of stages) {
    const last = records.findLast((record) => record.stage === stage);
    if (typeof last?.seconds !== 'number' || typeof last.images !== 'number') continue;
    const seconds = last.seconds - before;
    before = last.seconds;
    const images = last.images.toLocaleString('en');
    const speed = seconds > 0 ? `, ${(last.images / seconds).toFixed(seconds > last.images ? 2 : 0)} images/s` : '';
    rows.push([`stage ${stage}`, `${duration(seconds)}: ${last.step} steps, ${images} images${speed}`]);
  }
  if (rows.length === 0) return null;
  return { title: 'Time', rows: [['training', duration(before)], ...rows] };
}

/** Names of environment.json that a reader of the report is shown, in words; folders and the name of the host are left out. */
const environmentNames: readonly (readonly [key: string, name: string])[] = [
  ['started', 'started'],
  ['processor', 'processor'],
  ['processors', 'processors'],
  ['memoryBytes', 'memory'],
  ['device', 'device'],
  ['threads', 'threads'],
  ['platform', 'system'],
  ['suave', 'suave'],
  ['libtorch', 'libtorch'],
  ['node', 'Node.js'],
];

/** Machine and time. @param environment  null where the run has none */
export function environmentFacts(environment: Environment | null, records: readonly MetricsRecord[]): Facts[] {
  const time = timeFacts(records);
  const rows = environmentNames.flatMap(([key, name]): [string, string][] => {
    const value = environment?.[key];
    if (value === undefined || value === null) return [];
    if (key === 'memoryBytes') return [[name, `${(Number(value) / 2 ** 30).toFixed(1)} GiB`]];
    return [[name, String(value)]];
  });
  return [...(time === null ? [] : [time]), ...(rows.length === 0 ? [] : [{ title: 'Machine and versions', rows }])];
}
