/**
 * @file Keys of the projection head: published SwAV files count linears and batch norms in one row
 * (`projection_head.0/1/3`), Suave's blocks have two levels (`projection_head.0.0/0.1/1`).
 */

/** Whether a (unwrapped) map has SwAV's flat projection head: linears and batch norms counted in one row. */
export function hasSwavProjection(state: ReadonlyMap<string, unknown>): boolean {
  const keys = [...state.keys()];
  if (keys.some((key) => /^projection_head\.\d+\.\d+\./.test(key))) return false;
  return keys.some((key) => key === 'projection_head.weight' || key === 'projection_head.1.running_mean');
}

/**
 * Renames SwAV's projection keys to Suave's: `projection_head.{3j}` → `{j}.0`, `{3j+1}` → `{j}.1`, the last Linear
 * `{3m}` → `{m}`, and a single `projection_head.weight` → `projection_head.0.weight`. Other maps pass unchanged.
 */
export function remapSwavProjection<T>(state: ReadonlyMap<string, T>): Map<string, T> {
  if (!hasSwavProjection(state)) return new Map(state);
  const positions = [...state.keys()].flatMap((key) => {
    const match = /^projection_head\.(\d+)\./.exec(key);
    return match ? [Number(match[1])] : [];
  });
  const last = positions.reduce((most, position) => Math.max(most, position), 0);
  return new Map(
    [...state].map(([key, value]) => {
      const single = /^projection_head\.(weight|bias)$/.exec(key);
      if (single) return [`projection_head.0.${single[1]}`, value];
      const match = /^projection_head\.(\d+)\.(.+)$/.exec(key);
      if (!match) return [key, value];
      const position = Number(match[1]);
      const block = Math.floor(position / 3);
      return [`projection_head.${block}${position === last ? '' : `.${position % 3}`}.${match[2]}`, value];
    }),
  );
}
