// Color operations on one 8-bit view, stored as three planes of `count` bytes, in place, with Pillow's rounding.
#pragma once

#include <cstdint>

namespace suave {

void adjustBrightness(uint8_t* planes, int64_t count, double factor);
void adjustContrast(uint8_t* planes, int64_t count, double factor);
void adjustSaturation(uint8_t* planes, int64_t count, double factor);
void adjustHue(uint8_t* planes, int64_t count, double factor);
void grayscale(uint8_t* planes, int64_t count);
void solarize(uint8_t* planes, int64_t count, double threshold);
void equalize(uint8_t* planes, int64_t count);

}  // namespace suave
