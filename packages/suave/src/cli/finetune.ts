/** @file `suave finetune`: trains on from another run or checkpoint, with the options of `suave train`. */
import type { Command } from 'commander';
import { UsageError } from '../errors.js';
import { oneOf } from './numbers.js';
import { runTraining, type TrainOptions, withTrainingOptions } from './train.js';

interface FinetuneCommandOptions extends TrainOptions {
  from: string;
  checkpoint?: string;
}

const examples = `Examples:
  suave finetune photos --from runs/first --out runs/fine                            the paper's way: all but the prototypes, light colors, short
  suave finetune photos --from runs/first --out runs/probe --recipe swav-linear      a linear classifier on the frozen backbone
  suave finetune others --from swav.safetensors --out runs/f --recipe swav-finetune-10pct --epochs 20
`;

/** Adds `finetune` to the program. */
export function addFinetuneCommand(program: Command): void {
  const command = program
    .command('finetune')
    .summary('train on from another run or checkpoint')
    .description(
      "Starts from the weights of another run: without --recipe its own last stage, shortened as in the paper (all but the prototypes is kept), with --recipe that recipe on the checkpoint's architecture. On the same DATA it keeps labels and hold-out.",
    )
    .argument('<DATA>', 'folder of images, as for suave train')
    .requiredOption('--from <RUN|CKPT>', 'run folder or checkpoint whose weights are taken')
    .option('--checkpoint <WHICH>', 'of a run: last (default) or best')
    .option('--recipe <NAME|FILE>', 'recipe by name or YAML file, for example swav-linear or swav-finetune-10pct');
  withTrainingOptions(command).addHelpText('before', examples).action(runFinetune);
}

async function runFinetune(data: string, options: FinetuneCommandOptions): Promise<void> {
  const checkpoint = oneOf('finetune', 'checkpoint', options.checkpoint, ['last', 'best']);
  if (options.set.some((text) => /^\s*init\s*=/.test(text))) {
    throw new UsageError(
      'suave finetune --set init: expected the checkpoint in --from, got it twice. Leave --set init out.',
    );
  }
  await runTraining({
    command: 'finetune',
    recipe: null,
    options,
    async train(common) {
      const { finetune } = await import('../training/index.js');
      const { from, recipe = null } = options;
      return finetune({ ...common, data, from, recipe, ...(checkpoint === undefined ? {} : { checkpoint }) });
    },
  });
}
