/** @file The commands, their arguments, options and help. Loads no native code: a command imports its work when it runs. */
import { Command } from 'commander';
import { suaveVersion } from '../version.js';
import { addDemoCommand } from './demo.js';
import { addDoctorCommand } from './doctor.js';
import { addDownloadCommand } from './download.js';
import { addEmbedCommand } from './embed.js';
import { addEvaluateCommand } from './evaluate.js';
import { addExportCommand } from './export.js';
import { addFinetuneCommand } from './finetune.js';
import { addImportCommand } from './import.js';
import { addPredictCommand } from './predict.js';
import { addPrepareCommand } from './prepare.js';
import { addRecipesCommand } from './recipes.js';
import { addReportCommand } from './report.js';
import { addReproduceCommand } from './reproduce.js';
import { addSearchCommand } from './search.js';
import { addTrainCommand } from './train.js';
import { addUmapCommand } from './umap.js';

const examples = `Examples:
  suave demo                                      a small image set, trained on in minutes: the whole product
  suave train photos --out runs/first             class folders in photos/, every image used
  suave train photos --labels labels.csv --out runs/second --baseline
  suave evaluate runs/first                       accuracy on the images that were set aside
  suave predict runs/first new-photos --csv       class and probability of every image
  suave export runs/first --format onnx --out model   for browsers, Node and Python
  suave prepare photos --out photos.suave         one file of all images, to train on another machine
  suave import swav.pth.tar --out swav.safetensors    a published backbone, to start from with --init
  suave doctor                                    what is found on this machine and what is missing
`;

/** Builds the command line; parsing never ends the process, it throws a CommanderError. */
export function createProgram(): Command {
  const program = new Command('suave')
    .description('Many images, few labels: trains a classifier that uses all of them (Suave: semi-supervised SwAV).')
    .version(suaveVersion, '--version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .addHelpText('before', examples)
    .showSuggestionAfterError(true)
    .enablePositionalOptions();
  addDemoCommand(program);
  addTrainCommand(program);
  addFinetuneCommand(program);
  addEvaluateCommand(program);
  addPredictCommand(program);
  addExportCommand(program);
  addUmapCommand(program);
  addEmbedCommand(program);
  addSearchCommand(program);
  addImportCommand(program);
  addDownloadCommand(program);
  addPrepareCommand(program);
  addRecipesCommand(program);
  addReportCommand(program);
  addReproduceCommand(program);
  addDoctorCommand(program);
  for (const command of [program, ...program.commands]) {
    command.exitOverride();
    command.configureOutput({
      writeOut: (text) => process.stdout.write(text),
      writeErr: (text) => process.stderr.write(text),
      outputError: (text, write) => write(oneSentence(text, command)),
    });
  }
  return program;
}

/** Commander's message as ours: `suave train: unknown option '--epoch'. Did you mean --epochs?` */
function oneSentence(text: string, command: Command): string {
  const name = command.parent === null ? 'suave' : `suave ${command.name()}`;
  const sentence = text
    .trim()
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ')
    .replace(/\s*\((Did you mean [^)]*\?)\)$/, '. $1');
  return `${name}: ${/[.?!]$/.test(sentence) ? sentence : `${sentence}. See ${name} --help.`}\n`;
}
