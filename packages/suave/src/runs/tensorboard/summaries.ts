/** @file What TensorBoard shows of a run: values with tags, grouped by what they are. */
import type { MetricsRecord } from '../metrics.js';
import type { HistogramValue, SummaryValue } from './schema.js';

const rates = ['lr', 'momentum_encoder', 'teacher_temperature', 'epsilon'];
const assignments = ['prototypes_used', 'assignment_entropy'];

/** The tag of a key of metrics.jsonl; what stands before the slash is the group that TensorBoard shows it in. */
export function scalarTag(key: string): string {
  if (key === 'loss') return 'loss/total';
  if (key === 'val_loss') return 'loss/val';
  if (key.startsWith('loss_')) return `loss/${key.slice('loss_'.length)}`;
  if (/_top\d/.test(key)) return `accuracy/${key}`;
  if (rates.includes(key)) return `rate/${key}`;
  if (assignments.includes(key)) return `assignments/${key}`;
  return `other/${key}`;
}

/** The numbers of a record; one that is no number (null in metrics.jsonl) is shown as such. */
export function scalarsOf({ stage: _stage, step: _step, ...numbers }: MetricsRecord): SummaryValue[] {
  return Object.entries(numbers)
    .filter((entry): entry is [string, number | null] => typeof entry[1] !== 'string')
    .map(([key, value]) => ({ tag: scalarTag(key), simpleValue: value ?? Number.NaN }));
}

/** Bytes of a PNG up to the end of its first chunk, which tells the size. */
const pngHeadBytes = 33;

/** A picture with transparency, as a file of PNG; null where it is none. */
export function imageSummary(tag: string, png: Uint8Array): SummaryValue | null {
  const head = Buffer.from(png.subarray(0, pngHeadBytes));
  if (head.length < pngHeadBytes || head.toString('latin1', 1, 4) !== 'PNG') return null;
  const size = { height: head.readUInt32BE(20), width: head.readUInt32BE(16) };
  return { tag, image: { ...size, colorspace: 4, encodedImageString: png } };
}

const stringType = 7; // DT_STRING

/** Text, shown as Markdown. */
export function textSummary(tag: string, text: string): SummaryValue {
  return {
    tag,
    metadata: { pluginData: { pluginName: 'text' } },
    tensor: { dtype: stringType, tensorShape: { dim: [{ size: 1 }] }, stringVal: [Buffer.from(text)] },
  };
}

const numBuckets = 40;

/** A histogram with 40 buckets of equal width; values that are no finite numbers are left out. */
export function histogramSummary(tag: string, values: Float32Array | Float64Array): SummaryValue {
  const finite = values.filter(Number.isFinite);
  let [min, max, sum, sumSquares] = [Infinity, -Infinity, 0, 0];
  for (const value of finite) {
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
    sumSquares += value * value;
  }
  if (finite.length === 0) [min, max] = [0, 0];
  const width = (max - min) / numBuckets;
  const bucket = new Array<number>(width > 0 ? numBuckets : 1).fill(0);
  for (const value of finite) bucket[width > 0 ? Math.min(numBuckets - 1, Math.floor((value - min) / width)) : 0]++;
  const bucketLimit = bucket.map((_, i) => (i === bucket.length - 1 ? max : min + (i + 1) * width));
  const histo: HistogramValue = { min, max, num: finite.length, sum, sumSquares, bucketLimit, bucket };
  return { tag, histo };
}
