#include "color.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "multiversion.h"

namespace suave {

namespace {

// Luma of Pillow's mode L: (19595 R + 38470 G + 7471 B + 32768) >> 16.
inline int32_t luma(int32_t red, int32_t green, int32_t blue) {
  return (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16;
}

// Pillow's blend(base, value, factor): float32 throughout, truncated and clipped to a byte.
inline uint8_t blend(int32_t base, int32_t value, float factor) {
  float mixed = static_cast<float>(base) + factor * static_cast<float>(value - base);
  mixed = mixed > 0.0f ? mixed : 0.0f;
  mixed = mixed < 255.0f ? mixed : 255.0f;
  return static_cast<uint8_t>(static_cast<int32_t>(mixed));
}

// Pixels of one block go through integer and float arrays that stay in the first-level cache.
constexpr int64_t blockSize = 256;

struct HueBlock {
  int32_t smallest[blockSize];
  int32_t hue[blockSize], saturation[blockSize], value[blockSize];
  float added[blockSize], subtracted[blockSize], base[blockSize];
};

// −1 where a equals b, else 0: a mask, because a choice by `?:` would keep the loop from being vectorized.
inline int32_t maskOfEqual(int32_t a, int32_t b) { return -static_cast<int32_t>(a == b); }

// RGB to Pillow's 8-bit HSV. Where Pillow rounds to float32 and where it works in double decides the last bit of the
// hue, so the types are part of the definition.
SUAVE_INLINE void toHsv(const uint8_t* red, const uint8_t* green, const uint8_t* blue, int64_t size, HueBlock& block) {
  for (int64_t i = 0; i < size; i++) {
    block.value[i] = std::max(red[i], std::max(green[i], blue[i]));
    block.smallest[i] = std::min(red[i], std::min(green[i], blue[i]));
  }
  for (int64_t i = 0; i < size; i++) {
    const int32_t r = red[i];
    const int32_t g = green[i];
    const int32_t b = blue[i];
    const int32_t largest = block.value[i];
    const int32_t range = largest - block.smallest[i];
    // Red largest: bc − gc; green: 2 + rc − bc; blue: 4 + gc − rc, with rc = (largest − r) / range and so on.
    const int32_t isRed = maskOfEqual(r, largest);
    const int32_t isGreen = maskOfEqual(g, largest) & ~isRed;
    const int32_t isBlue = ~(isRed | isGreen);
    const int32_t added = largest - ((b & isRed) | (r & isGreen) | (g & isBlue));
    const int32_t subtracted = largest - ((g & isRed) | (b & isGreen) | (r & isBlue));
    const float delta = static_cast<float>(std::max(range, 1));
    block.base[i] = static_cast<float>((2 & isGreen) | (4 & isBlue));
    block.added[i] = static_cast<float>(added) / delta;
    block.subtracted[i] = static_cast<float>(subtracted) / delta;
    const float ratio = static_cast<float>(range) / static_cast<float>(std::max(largest, 1));
    block.saturation[i] = static_cast<int32_t>(static_cast<double>(ratio) * 255.0);
  }
  for (int64_t i = 0; i < size; i++) {
    const double difference = static_cast<double>(block.base[i]) + static_cast<double>(block.added[i]) -
        static_cast<double>(block.subtracted[i]);
    const double turn = static_cast<double>(static_cast<float>(difference)) / 6.0 + 1.0;
    const float fraction = static_cast<float>(turn - static_cast<double>(static_cast<int32_t>(turn)));
    block.hue[i] = static_cast<int32_t>(static_cast<double>(fraction) * 255.0);
  }
}

// value · (1 − saturation · weight), both of 255, rounded.
inline uint8_t darken(float value, float saturation, int32_t weight) {
  const float share = static_cast<float>(std::min(std::max(weight, 0), 255)) / 255.0f;
  return static_cast<uint8_t>(static_cast<int32_t>(value * (1.0f - saturation * share) + 0.5f));
}

// HSV back to RGB. A channel is full in a third of the color circle, falls and rises over a sixth each.
SUAVE_INLINE void fromHsv(
    const HueBlock& block,
    int64_t size,
    int32_t shift,
    uint8_t* __restrict red,
    uint8_t* __restrict green,
    uint8_t* __restrict blue) {
  for (int64_t i = 0; i < size; i++) {
    const int32_t angle = 6 * ((block.hue[i] + shift) & 255);
    const float saturation = static_cast<float>(block.saturation[i]) / 255.0f;
    const float value = static_cast<float>(block.value[i]);
    red[i] = darken(value, saturation, 510 - std::abs(angle - 765));
    green[i] = darken(value, saturation, std::abs(angle - 510) - 255);
    blue[i] = darken(value, saturation, std::abs(angle - 1020) - 255);
  }
}

}  // namespace

SUAVE_MULTIVERSION
void adjustBrightness(uint8_t* planes, int64_t count, double factor) {
  const float f = static_cast<float>(factor);
  for (int64_t i = 0; i < 3 * count; i++) planes[i] = blend(0, planes[i], f);
}

SUAVE_MULTIVERSION
void adjustContrast(uint8_t* planes, int64_t count, double factor) {
  const uint8_t* __restrict red = planes;
  const uint8_t* __restrict green = planes + count;
  const uint8_t* __restrict blue = planes + 2 * count;
  int64_t total = 0;
  for (int64_t start = 0; start < count; start += 65536) {
    const int64_t end = std::min(count, start + 65536);
    int32_t sum = 0;
    for (int64_t i = start; i < end; i++) sum += luma(red[i], green[i], blue[i]);
    total += sum;
  }
  const int32_t mean = static_cast<int32_t>(static_cast<double>(total) / static_cast<double>(count) + 0.5);
  const float f = static_cast<float>(factor);
  for (int64_t i = 0; i < 3 * count; i++) planes[i] = blend(mean, planes[i], f);
}

SUAVE_MULTIVERSION
void adjustSaturation(uint8_t* planes, int64_t count, double factor) {
  uint8_t* __restrict red = planes;
  uint8_t* __restrict green = planes + count;
  uint8_t* __restrict blue = planes + 2 * count;
  const float f = static_cast<float>(factor);
  for (int64_t i = 0; i < count; i++) {
    const int32_t gray = luma(red[i], green[i], blue[i]);
    red[i] = blend(gray, red[i], f);
    green[i] = blend(gray, green[i], f);
    blue[i] = blend(gray, blue[i], f);
  }
}

// RGB to HSV, hue shifted by trunc(255 · factor) modulo 256, back to RGB.
SUAVE_MULTIVERSION
void adjustHue(uint8_t* planes, int64_t count, double factor) {
  const int32_t shift = static_cast<int32_t>(factor * 255.0);
  HueBlock block;
  for (int64_t start = 0; start < count; start += blockSize) {
    const int64_t size = std::min(blockSize, count - start);
    uint8_t* red = planes + start;
    uint8_t* green = red + count;
    uint8_t* blue = green + count;
    toHsv(red, green, blue, size, block);
    fromHsv(block, size, shift, red, green, blue);
  }
}

SUAVE_MULTIVERSION
void grayscale(uint8_t* planes, int64_t count) {
  uint8_t* __restrict red = planes;
  uint8_t* __restrict green = planes + count;
  uint8_t* __restrict blue = planes + 2 * count;
  for (int64_t i = 0; i < count; i++) {
    const uint8_t gray = static_cast<uint8_t>(luma(red[i], green[i], blue[i]));
    red[i] = gray;
    green[i] = gray;
    blue[i] = gray;
  }
}

SUAVE_MULTIVERSION
void solarize(uint8_t* planes, int64_t count, double threshold) {
  const int32_t limit = static_cast<int32_t>(std::ceil(threshold));
  for (int64_t i = 0; i < 3 * count; i++) {
    const int32_t value = planes[i];
    planes[i] = static_cast<uint8_t>(value < limit ? value : 255 - value);
  }
}

// Each channel by its own histogram: a level goes to the share of the pixels below it, of 255 equal parts of all pixels but those
// of the brightest level. A channel with too few pixels for one part each stays as it is.
void equalize(uint8_t* planes, int64_t count) {
  for (uint8_t* plane = planes; plane < planes + 3 * count; plane += count) {
    int64_t histogram[256] = {};
    for (int64_t i = 0; i < count; i++) histogram[plane[i]]++;
    const int64_t brightest = *std::max_element(plane, plane + count);
    const int64_t part = (count - histogram[brightest]) / 255;
    if (part == 0) continue;
    uint8_t levels[256];
    int64_t below = part / 2;
    for (int level = 0; level < 256; level++) {
      levels[level] = static_cast<uint8_t>(std::min<int64_t>(below / part, 255));
      below += histogram[level];
    }
    for (int64_t i = 0; i < count; i++) plane[i] = levels[plane[i]];
  }
}

}  // namespace suave
