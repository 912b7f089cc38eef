/** @file The model card: `README.md` of an exported folder, what the network is, how good it is and how to use it. */

import type { Estimate } from '../../evaluation/intervals.js';
import { architectureText } from '../../evaluation/network.js';
import type { CheckpointMetadata } from '../../runs/index.js';
import { percent } from '../../text.js';
import { suaveVersion } from '../../version.js';
import type { Quantization } from '../quantization-loss.js';
import type { HubOutput } from './configs.js';
import type { RunFacts } from './run-facts.js';

/** What a card tells. */
export interface CardContent {
  readonly metadata: CheckpointMetadata;
  readonly facts: RunFacts;
  readonly output: HubOutput;
  /** Outputs of the network. */
  readonly numOutputs: number;
  readonly labels: readonly string[];
  /** Numbers that the network has learnt. */
  readonly numParameters: number;
  readonly hasPreparation: boolean;
  /** Where 8-bit weights were asked for. */
  readonly quantization: Quantization | null;
}

/** Markdown, with the front matter that the Hugging Face hub reads. */
export function modelCard(content: CardContent): string {
  const task = content.output === 'logits' ? 'image-classification' : 'image-feature-extraction';
  return `---
library_name: transformers.js
pipeline_tag: ${task}
tags: [onnx, semi-supervised-learning, suave]
---

# ${escaped(content.facts.name)}

${introduction(content)}

${table(rowsOf(content))}

${labelText(content)}
## Use

${content.output === 'logits' ? classifierUse(content) : featureUse()}
${preparationText(content)}
${content.hasPreparation ? preparedUse(content) : ''}## For you to add

What the images show and where they come from, what the network should not be used for, and a licence. Suave's own licence says nothing
about images, labels or weights.
`;
}

function introduction({ metadata, output, numOutputs }: CardContent): string {
  const trained = `trained by Suave ${suaveVersion}, stage “${escaped(metadata.stage.name)}”`;
  if (output === 'features') return `Turns an image into ${numOutputs} features; ${trained}.`;
  return metadata.classes === null
    ? `Sorts images into ${counted(numOutputs, 'cluster')} that were found without labels; ${trained}.`
    : `Tells ${counted(numOutputs, 'class', 'classes')} of images apart; ${trained}.`;
}

function rowsOf({ metadata, facts, numParameters, output, quantization }: CardContent): [string, string][] {
  const { model, input, selection, probabilityTemperature } = metadata;
  const rows: [string, string][] = [
    ['network', `${architectureText(model)}, ${(numParameters / 1e6).toFixed(2)} million parameters`],
    ['input', `${input.crop} × ${input.crop} pixels`],
  ];
  if (facts.labeled !== null && facts.unlabeled !== null)
    rows.push(['training images', `${facts.labeled} labeled, ${facts.unlabeled} unlabeled`]);
  if (output === 'features') return rows;
  if (facts.top1 !== null) rows.push([`accuracy${selectionText(selection)}`, estimate(facts.top1)]);
  if (facts.top5 !== null && metadata.classes !== null && metadata.classes.length > 5)
    rows.push(['right class among the first five', estimate(facts.top5)]);
  if (metadata.classes !== null)
    rows.push(['temperature', `${probabilityTemperature.toPrecision(4)}; the logits are divided by it already`]);
  if (facts.ece !== null) rows.push(['expected calibration error', percent(facts.ece)]);
  if (quantization?.accuracy != null && quantization.fullAccuracy !== null) {
    const { accuracy, fullAccuracy, images } = quantization;
    rows.push([
      'with 8-bit weights',
      `${percent(accuracy)}, against ${percent(fullAccuracy)} on the same ${images} images`,
    ]);
  }
  return rows;
}

const selectionText = (selection: CheckpointMetadata['selection']): string =>
  selection === 'best on the hold-out' ? ' (optimistic: chosen on the same images)' : '';

const estimate = ({ value, low, high, images }: Estimate): string =>
  `${percent(value)} of ${counted(images, 'held-out image')} (95 % interval: ${percent(low)} to ${percent(high)})`;

const table = (rows: readonly (readonly [string, string])[]): string =>
  ['| | |', '|---|---|', ...rows.map(([name, text]) => `| ${name} | ${text} |`)].join('\n');

const shownLabels = 100;

function labelText({ labels, output }: CardContent): string {
  if (output === 'features') return '';
  const shown = labels.slice(0, shownLabels).map(escaped).join(', ');
  const rest = labels.length > shownLabels ? `, and ${labels.length - shownLabels} more` : '';
  return `Labels (\`id2label\` of \`config.json\`): ${shown}${rest}.\n`;
}

const counted = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;

/** Text in which nothing is taken for Markdown or HTML. */
function escaped(text: string): string {
  return text.replace(/[\r\n]+/g, ' ').replace(/[\\`*_{}[\]<>()#+!|~&]/g, (mark) => `\\${mark}`);
}

function classifierUse({ quantization }: CardContent): string {
  const small = quantization === null ? '' : " Add `dtype: 'q8'` for the file with 8-bit weights.";
  return `With [transformers.js](https://www.npmjs.com/package/@huggingface/transformers), in a browser; FOLDER is this folder below the
page, or the name of a repository on the hub.${small}

\`\`\`js
import { env, pipeline } from '@huggingface/transformers';

env.allowLocalModels = true; // for a folder of yours
env.localModelPath = './';
const classify = await pipeline('image-classification', 'FOLDER');
console.log(await classify('photo.jpg', { top_k: 3 }));
\`\`\`

With onnxruntime, in Python:

\`\`\`python
import numpy, onnxruntime
from PIL import Image
from transformers import AutoImageProcessor

processor = AutoImageProcessor.from_pretrained("FOLDER")
session = onnxruntime.InferenceSession("FOLDER/onnx/model.onnx")
pixels = processor(Image.open("photo.jpg"), return_tensors="np")["pixel_values"]
[logits] = session.run(None, {"pixel_values": pixels.astype(numpy.float32)})
weights = numpy.exp(logits - logits.max(axis=1, keepdims=True))
print(weights / weights.sum(axis=1, keepdims=True))
\`\`\`
`;
}

function featureUse(): string {
  return `With [transformers.js](https://www.npmjs.com/package/@huggingface/transformers), in a browser; FOLDER is this folder below the page:

\`\`\`js
import { AutoModel, AutoProcessor, env, RawImage } from '@huggingface/transformers';

env.allowLocalModels = true; // for a folder of yours
env.localModelPath = './';
const processor = await AutoProcessor.from_pretrained('FOLDER');
const model = await AutoModel.from_pretrained('FOLDER');
const { features } = await model(await processor(await RawImage.read('photo.jpg')));
\`\`\`
`;
}

function preparationText({ metadata: { input }, output }: CardContent): string {
  const { cacheSide, resize, crop, interpolation, mean, std } = input;
  const twice =
    cacheSide === null || cacheSide <= resize
      ? ''
      : ` A larger image is reduced to ${cacheSide} pixels first (bilinear).`;
  const result = output === 'logits' ? '`logits` [N, K], whose softmax are the probabilities' : '`features` [N, F]';
  return `Everywhere else: \`onnx/model.onnx\` takes \`pixel_values\`, float32 [N, 3, ${crop}, ${crop}], red, green, blue, and gives ${result}.
The shorter side of an image is resized to ${resize} pixels (${interpolation}, antialiased), its central ${crop} × ${crop} pixels are cut out, and each
value v of 0 … 255 becomes (v / 255 − mean) / std, with mean ${mean.join(', ')} and std ${std.join(', ')}.${twice} transformers.js resizes with the browser's
canvas, which is not antialiased alike: of a much larger image, its probabilities differ from those that were measured.
`;
}

function preparedUse({ output }: CardContent): string {
  const result = output === 'logits' ? '`probabilities` [N, K]' : '`features` [N, F]';
  return `\`onnx/model_with_preprocessing.onnx\` does all of this itself: it takes \`image\`, uint8 [N, H, W, 3] of any size, and gives ${result}.

`;
}
