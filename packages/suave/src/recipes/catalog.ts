/** @file All recipes by name, in groups. */
import { dainoCifar10 } from './daino-cifar10.js';
import { dainoCifar100 } from './daino-cifar100.js';
import { dainoImagenet1pct } from './daino-imagenet-1pct.js';
import { dainoImagenet10pct } from './daino-imagenet-10pct.js';
import { dinoCifar10 } from './dino-cifar10.js';
import { dinoImagenetVits16 } from './dino-imagenet-vits16.js';
import { dinoLinear } from './dino-linear.js';
import { pawsCifar10 } from './paws-cifar10.js';
import { pawsImagenet } from './paws-imagenet.js';
import type { Recipe, RecipeGroup } from './recipe.js';
import { suaveCifar10 } from './suave-cifar10.js';
import { suaveCifar100 } from './suave-cifar100.js';
import { suaveDemo } from './suave-demo.js';
import { suaveImagenet1pct } from './suave-imagenet-1pct.js';
import { suaveImagenet10pct } from './suave-imagenet-10pct.js';
import { suaveImagenetFinetune1pct } from './suave-imagenet-finetune-1pct.js';
import { suaveImagenetFinetune10pct } from './suave-imagenet-finetune-10pct.js';
import { suaveSmall } from './suave-small.js';
import { swavCifar10 } from './swav-cifar10.js';
import { swavCifar100 } from './swav-cifar100.js';
import { swavFinetune1pct, swavFinetune10pct } from './swav-finetune.js';
import { swavImagenet } from './swav-imagenet.js';
import { swavLinear } from './swav-linear.js';

/** All recipes, the default first. */
export const recipes: readonly Recipe[] = [
  suaveSmall,
  suaveDemo,
  swavImagenet,
  suaveImagenet1pct,
  suaveImagenet10pct,
  suaveImagenetFinetune1pct,
  suaveImagenetFinetune10pct,
  swavFinetune1pct,
  swavFinetune10pct,
  swavLinear,
  dinoImagenetVits16,
  dinoLinear,
  dainoImagenet1pct,
  dainoImagenet10pct,
  pawsImagenet,
  swavCifar100,
  suaveCifar100,
  dainoCifar100,
  swavCifar10,
  suaveCifar10,
  dainoCifar10,
  dinoCifar10,
  pawsCifar10,
];

/** Name of the recipe that is used when none is asked for. */
export const defaultRecipe = suaveSmall.name;

/** A recipe by name, or undefined. */
export function recipeNamed(name: string): Recipe | undefined {
  return recipes.find((recipe) => recipe.name === name);
}

/** The recipes of every group, in the order of the list. */
export function groupedRecipes(): { group: RecipeGroup; recipes: readonly Recipe[] }[] {
  const groupOf = (recipe: Recipe): RecipeGroup => recipe.group ?? 'any images';
  const groups = [...new Set(recipes.map(groupOf))];
  return groups.map((group) => ({ group, recipes: recipes.filter((recipe) => groupOf(recipe) === group) }));
}
