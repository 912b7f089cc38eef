/** @file Door of the recipes: complete typed configurations, their schema, and how a user's changes are applied. Loads no native code. */
export { defaultRecipe, groupedRecipes, recipeNamed, recipes } from './catalog.js';
export { describeConfig, type SettingRow } from './describe.js';
export { fineTuned } from './fine-tuned.js';
export { methodNames } from './method-names.js';
export { type Override, parseSet } from './overrides.js';
export { quirkTables } from './quirk-table.js';
export { type SettledQuirk, type SwitchedQuirk, settledQuirks, switchedQuirks } from './quirks.js';
export {
  type DataFacts,
  exampleFacts,
  factsFor,
  type Recipe,
  type RecipeGroup,
  type RecipeHints,
  type RecipeResult,
} from './recipe.js';
export {
  configFromRun,
  firstDifference,
  type RecipeRequest,
  requestedValue,
  resolveRecipe,
} from './resolve.js';
export { scaleToDevices } from './scale.js';
export {
  architectures,
  type Config,
  configSchema,
  type DainoStage,
  type DinoStage,
  type LabeledStage,
  logOutputs,
  type OptimizerConfig,
  type PawsStage,
  type Stage,
  type SuaveStage,
  type SupervisedStage,
  type SwavStage,
  type UnlabeledStage,
  type ViewConfig,
} from './schema.js';
export { validateConfig } from './validate.js';
