/** @file `suave recipes [NAME]`: the list, or one recipe with every setting. */
import type { Command } from 'commander';
import { describeConfig, factsFor, groupedRecipes, parseSet, recipeNamed, resolveRecipe } from '../recipes/index.js';
import { wholeNumber } from './numbers.js';
import { table } from './terminal.js';

interface RecipesOptions {
  json?: boolean;
  scale?: string;
  set: string[];
}

const examples = `Examples:
  suave recipes
  suave recipes suave-small
  suave recipes suave-imagenet-1pct --scale 1             for one device instead of eight
  suave recipes suave-imagenet-finetune-10pct --set preset=official-code
  suave recipes suave-cifar10 --json
`;

/** Adds `recipes` to the program. */
export function addRecipesCommand(program: Command): void {
  program
    .command('recipes')
    .summary('list the recipes, or show one with all its settings')
    .description('Lists the recipes, or shows every setting of one recipe (a name or a YAML file) with its meaning.')
    .argument('[NAME]', 'recipe by name or YAML file')
    .option('--scale <DEVICES>', 'adapt batches and learning rates to so many devices first, by the rule of the recipe')
    .option('--set <path=value>', 'change a setting first; repeatable', (value, all: string[]) => [...all, value], [])
    .option('--json', 'print one JSON object')
    .addHelpText('before', examples)
    .action(showRecipes);
}

function showRecipes(name: string | undefined, options: RecipesOptions): void {
  if (name === undefined) listRecipes(options.json === true);
  else showRecipe(name, options);
}

function listRecipes(json: boolean): void {
  const groups = groupedRecipes();
  if (json) {
    const list = groups.flatMap(({ group, recipes }) =>
      recipes.map((recipe) => ({ name: recipe.name, group, description: recipe.description })),
    );
    process.stdout.write(`${JSON.stringify({ recipes: list })}\n`);
    return;
  }
  const rows = groups.flatMap(({ group, recipes }) => [
    [group],
    ...recipes.map((recipe) => [`  ${recipe.name}`, recipe.description]),
  ]);
  process.stdout.write(`${table(rows)}\n`);
}

function showRecipe(name: string, options: RecipesOptions): void {
  const facts = factsFor(recipeNamed(name));
  const scale = wholeNumber('recipes', 'scale', options.scale, 1) ?? null;
  const { config, notes } = resolveRecipe({ recipe: name, overrides: options.set.map(parseSet), scale }, facts);
  if (options.json) {
    process.stdout.write(`${JSON.stringify(config)}\n`);
    return;
  }
  if (notes.length > 0) {
    const { numTrain, numClasses, numLabeled, shorterSide, threads } = facts;
    process.stdout.write(
      `What follows from the data is shown for ${numTrain} images of ${shorterSide} px in ${numClasses} classes, ${numLabeled} of them labeled, on ${threads} processor threads:\n`,
    );
    for (const note of notes) process.stdout.write(`  ${note}\n`);
    process.stdout.write('\n');
  }
  const rows = describeConfig(config).map((row) => [row.path, row.value, row.description]);
  process.stdout.write(`${table([['setting', 'value', 'meaning'], ...rows])}\n`);
}
