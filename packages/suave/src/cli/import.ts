/** @file `suave import`: what a checkpoint of any known kind holds, and its network as safetensors. */
import { resolve } from 'node:path';
import type { TensorFile } from '@suave/torch';
import type { Command } from 'commander';
import type { Branch, CheckpointPart, ImportOptions, ImportPlan } from '../models/index.js';
import { oneOf } from './numbers.js';
import { table } from './terminal.js';
import { defaultThreads, prepareThreads } from './threads.js';

interface ImportCommandOptions {
  out?: string;
  which?: string;
  part?: string;
  arch?: string;
  allowPartial?: boolean;
  json?: boolean;
}

const examples = `Examples:
  suave import swav_800ep_pretrain.pth.tar                                what is in it, and what would be taken
  suave import swav_800ep_pretrain.pth.tar --out swav.safetensors         its backbone, for suave train --init
  suave import dino_deitsmall16_pretrain_full_checkpoint.pth --which student --part backbone+head --out dino.safetensors
  suave import resnet50.safetensors --arch resnet50 --json                every tensor with its SHA-256
`;

/** Adds `import` to the program. */
export function addImportCommand(program: Command): void {
  program
    .command('import')
    .summary('look into a checkpoint of PyTorch or a safetensors file, and take its network')
    .description(
      'Reads checkpoints of SwAV, Suave, DINO, PAWS, solo-learn, torchvision and timm, as PyTorch or safetensors files. Nothing in them is ever executed.',
    )
    .argument('<FILE>', 'checkpoint: .pth, .pth.tar, .pt, .ckpt or .safetensors')
    .option('--out <F>', 'write the network to this safetensors file')
    .option('--which <W>', 'student or teacher, of a file with both (default: teacher)')
    .option('--part <P>', 'backbone (default) or backbone+head')
    .option('--arch <A>', 'backbone that it must be; without it, the one that its keys show')
    .option('--allow-partial', 'accept less than 90 % of the backbone')
    .option('--json', 'print one JSON object')
    .addHelpText('before', examples)
    .action(runImport);
}

async function runImport(path: string, options: ImportCommandOptions): Promise<void> {
  const request: ImportOptions = {
    which: oneOf<Branch>('import', 'which', options.which, ['student', 'teacher']) ?? null,
    part: oneOf<CheckpointPart>('import', 'part', options.part, ['backbone', 'backbone+head']) ?? 'backbone',
    arch: options.arch ?? null,
    allowPartial: options.allowPartial === true,
  };
  prepareThreads(defaultThreads());
  const { openTensorFile } = await import('@suave/torch');
  using file = openTensorFile(path);
  if (options.out !== undefined) {
    const plan = await writeNetwork(file, request, options.out);
    process.stdout.write(
      options.json ? `${JSON.stringify(planJson(plan, options.out))}\n` : planText(plan, options.out),
    );
  } else if (options.json) {
    await checkChoice(file, options, request);
    process.stdout.write(`${JSON.stringify(contentJson(file))}\n`);
  } else {
    process.stdout.write(await contentText(file, request));
  }
}

/** What is asked of the network must be there, also where only the content is printed. */
async function checkChoice(file: TensorFile, options: ImportCommandOptions, request: ImportOptions): Promise<void> {
  if (options.which === undefined && options.arch === undefined) return;
  const { planImport } = await import('../models/index.js');
  planImport(file, request);
}

async function writeNetwork(file: TensorFile, request: ImportOptions, out: string): Promise<ImportPlan> {
  const { writeSafetensors } = await import('@suave/torch');
  const { planImport, readTensors } = await import('../models/index.js');
  const plan = planImport(file, request);
  const tensors = readTensors(file, plan.weights);
  try {
    writeSafetensors(resolve(out), tensors, { format: 'pt', layout: plan.layout, backbone: plan.backbone });
  } finally {
    for (const tensor of tensors.values()) tensor.dispose();
  }
  return plan;
}

/** Every tensor of the file by path, and what is no tensor. */
function contentJson(file: TensorFile): object {
  const tensors = Object.fromEntries(
    [...file.tensors].map(([path, tensor]) => [
      path,
      { dtype: tensor.dtype, shape: tensor.shape, sha256: tensor.sha256() },
    ]),
  );
  return { tensors, skipped: file.skipped };
}

/** What was written, and what was not. */
function planJson({ layout, backbone, share, weights, missing, skipped }: ImportPlan, out: string): object {
  return { out: resolve(out), layout, backbone, loaded: [...weights.keys()], share: share.share, missing, skipped };
}

async function contentText(file: TensorFile, request: ImportOptions): Promise<string> {
  const rows = [...file.tensors].map(([path, { dtype, shape }]) => [path, dtype, `[${shape.join(', ')}]`]);
  const notes = file.skipped.map(({ key, reason }) => [key, '', reason]);
  const head = `${file.tensors.size} tensors in ${file.path} (${file.format}, ${file.size} bytes)`;
  const content = table([['key', 'dtype', 'shape'], ...rows, ...notes]);
  return `${head}\n\n${content}\n\n${await networkText(file, request)}`;
}

/** What `--out` would write, or why there is nothing to write. */
async function networkText(file: TensorFile, request: ImportOptions): Promise<string> {
  const { planImport } = await import('../models/index.js');
  const isAsked = request.which !== null || request.arch !== null;
  try {
    return planText(planImport(file, request), null);
  } catch (error) {
    if (isAsked || (error as { code?: unknown }).code !== 'CHECKPOINT_LAYOUT') throw error;
    return `${(error as Error).message}\n`;
  }
}

function planText(plan: ImportPlan, out: string | null): string {
  const { layout, backbone, share, weights, missing, skipped } = plan;
  const percent = Math.floor(1000 * share.share) / 10;
  const lines = [
    `network   ${layout}, backbone ${backbone}: ${share.loaded} of ${share.total} entries (${percent} %)`,
    out === null
      ? `taken     ${weights.size} entries with --out`
      : `written   ${weights.size} entries to ${resolve(out)}`,
  ];
  if (missing.length > 0) lines.push(`missing   ${missing.join(', ')}`);
  const counts = new Map<string, number>();
  for (const { reason } of skipped) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  for (const [reason, count] of counts) lines.push(`skipped   ${count}: ${reason}`);
  return `${lines.join('\n')}\n`;
}
