// Pillow's Gaussian blur: three extended box blurs along each axis, rounded to bytes after every pass.
#pragma once

#include <cstdint>
#include <vector>

namespace suave {

struct BlurScratch {
  std::vector<uint8_t> planes;
  std::vector<uint8_t> lines;
  std::vector<uint32_t> sums;
};

// Blurs three planes of height × width bytes in place; sigma in pixels, edges replicated.
void gaussianBlur(uint8_t* planes, int32_t height, int32_t width, double sigma, BlurScratch& scratch);

}  // namespace suave
