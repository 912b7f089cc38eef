/** @file What a browser must have. */

/** A module with one instruction of WebAssembly SIMD. */
const simdModule = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);

/** Why this browser cannot run the network, in one sentence; null when it can. */
export function whatIsMissing(): string | null {
  const newer = 'Use Chrome or Edge 94, Firefox 114, Safari 16.4 or newer.';
  if (typeof WebAssembly !== 'object') return `This browser cannot run the network: it has no WebAssembly. ${newer}`;
  if (!WebAssembly.validate(simdModule))
    return `This browser cannot run the network: it has no WebAssembly SIMD. ${newer}`;
  const others = { Worker: 'workers', OffscreenCanvas: 'off-screen canvases', DecompressionStream: 'decompression' };
  for (const [name, words] of Object.entries(others)) {
    if (!(name in globalThis)) return `This browser cannot run the network: it has no ${words}. ${newer}`;
  }
  return null;
}
