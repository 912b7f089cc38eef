/** @file `suave recipes [NAME]`: the list, or one recipe with every setting. */
import type { Command } from 'commander';
import { describeConfig, exampleFacts, parseSet, recipes, resolveRecipe } from '../recipes/index.js';
import { table } from './terminal.js';

interface RecipesOptions {
  json?: boolean;
  set: string[];
}

/** Adds `recipes` to the program. */
export function addRecipesCommand(program: Command): void {
  program
    .command('recipes')
    .summary('list the recipes, or show one with all its settings')
    .description('Lists the recipes, or shows every setting of one recipe (a name or a YAML file) with its meaning.')
    .argument('[NAME]', 'recipe by name or YAML file')
    .option('--set <path=value>', 'change a setting first; repeatable', (value, all: string[]) => [...all, value], [])
    .option('--json', 'print one JSON object')
    .addHelpText(
      'before',
      'Examples:\n  suave recipes\n  suave recipes suave-small\n  suave recipes suave-cifar10 --json\n',
    )
    .action(showRecipes);
}

function showRecipes(name: string | undefined, options: RecipesOptions): void {
  if (name === undefined) {
    const list = recipes.map((recipe) => ({ name: recipe.name, description: recipe.description }));
    const text = table(list.map((entry) => [entry.name, entry.description]));
    process.stdout.write(options.json ? `${JSON.stringify({ recipes: list })}\n` : `${text}\n`);
    return;
  }
  const { config, notes } = resolveRecipe({ recipe: name, overrides: options.set.map(parseSet) }, exampleFacts);
  if (options.json) {
    process.stdout.write(`${JSON.stringify(config)}\n`);
    return;
  }
  if (notes.length > 0) {
    const { numTrain, numClasses, numLabeled, shorterSide, threads } = exampleFacts;
    process.stdout.write(
      `What follows from the data is shown for ${numTrain} images of ${shorterSide} px in ${numClasses} classes, ${numLabeled} of them labeled, on ${threads} processor threads:\n`,
    );
    for (const note of notes) process.stdout.write(`  ${note}\n`);
    process.stdout.write('\n');
  }
  const rows = describeConfig(config).map((row) => [row.path, row.value, row.description]);
  process.stdout.write(`${table([['setting', 'value', 'meaning'], ...rows])}\n`);
}
