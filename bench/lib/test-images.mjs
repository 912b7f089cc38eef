/** @file Images for `augment`: smooth colors with noise, the same bytes in bench/peers/augment.py. */

/** uint8 RGB images, height × width × 3, one after another. */
export function testImages(count, height, width) {
  const pixels = new Uint8Array(count * height * width * 3);
  let at = 0;
  for (let image = 0; image < count; image++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        for (let channel = 0; channel < 3; channel++) {
          pixels[at++] = (image * 37 + channel * 80 + y * 3 + x * 2 + ((x * y) % 23)) % 256;
        }
      }
    }
  }
  return pixels;
}
