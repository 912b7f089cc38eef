#include "blur.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "multiversion.h"

namespace suave {

namespace {

constexpr int numPasses = 3;
constexpr uint32_t rounding = 1u << 23;

// A box of real radius r = radius + fraction: `inner` weighs the 2·radius + 1 pixels of the middle, `outer` the two
// at the ends; the weights sum to 2^24.
struct Box {
  int32_t radius;
  uint32_t inner;
  uint32_t outer;
};

// The box whose threefold application has the standard deviation sigma, in Pillow's float32 arithmetic.
Box boxOf(double sigmaDouble) {
  const float sigma = static_cast<float>(sigmaDouble);
  const float variance = sigma * sigma / static_cast<float>(numPasses);
  const float length = static_cast<float>(std::sqrt(12.0 * static_cast<double>(variance) + 1.0));
  const float whole = static_cast<float>(std::floor((static_cast<double>(length) - 1.0) / 2.0));
  const float numerator = (2.0f * whole + 1.0f) * (whole * (whole + 1.0f) - 3.0f * variance);
  const float denominator = 6.0f * (variance - (whole + 1.0f) * (whole + 1.0f));
  const float radius = whole + numerator / denominator;
  Box box;
  box.radius = static_cast<int32_t>(radius);
  box.inner = static_cast<uint32_t>(16777216.0f / (radius * 2.0f + 1.0f));
  box.outer = (16777216u - static_cast<uint32_t>(2 * box.radius + 1) * box.inner) / 2;
  return box;
}

// One pass along a line. `input` has box.radius + 1 readable bytes on both sides.
SUAVE_MULTIVERSION
void blurLine(const uint8_t* __restrict input, uint8_t* __restrict output, int32_t size, Box box) {
  const uint32_t inner = box.inner;
  const uint32_t outer = box.outer;
  if (box.radius == 0) {
    for (int32_t x = 0; x < size; x++) {
      const uint32_t ends = static_cast<uint32_t>(input[x - 1]) + input[x + 1];
      output[x] = static_cast<uint8_t>((inner * input[x] + outer * ends + rounding) >> 24);
    }
    return;
  }
  if (box.radius == 1) {
    for (int32_t x = 0; x < size; x++) {
      const uint32_t middle = static_cast<uint32_t>(input[x - 1]) + input[x] + input[x + 1];
      const uint32_t ends = static_cast<uint32_t>(input[x - 2]) + input[x + 2];
      output[x] = static_cast<uint8_t>((inner * middle + outer * ends + rounding) >> 24);
    }
    return;
  }
  const int32_t radius = box.radius;
  uint32_t middle = 0;
  for (int32_t x = -radius; x < radius; x++) middle += input[x];
  for (int32_t x = 0; x < size; x++) {
    middle += input[x + radius];
    const uint32_t ends = static_cast<uint32_t>(input[x - radius - 1]) + input[x + radius + 1];
    output[x] = static_cast<uint8_t>((inner * middle + outer * ends + rounding) >> 24);
    middle -= input[x - radius];
  }
}

void replicateEnds(uint8_t* line, int32_t size, int32_t padding) {
  std::memset(line - padding, line[0], padding);
  std::memset(line + size, line[size - 1], padding);
}

// One pass down the columns of a plane of height × width.
SUAVE_MULTIVERSION
void blurColumns(
    const uint8_t* __restrict input,
    uint8_t* __restrict output,
    int32_t height,
    int32_t width,
    Box box,
    uint32_t* __restrict sums) {
  const int32_t radius = box.radius;
  const uint32_t inner = box.inner;
  const uint32_t outer = box.outer;
  const auto row = [&](int32_t y) {
    return input + static_cast<int64_t>(std::min(std::max(y, 0), height - 1)) * width;
  };
  if (radius > 1) {
    std::fill(sums, sums + width, 0u);
    for (int32_t y = -radius; y < radius; y++) {
      const uint8_t* added = row(y);
      for (int32_t x = 0; x < width; x++) sums[x] += added[x];
    }
  }
  for (int32_t y = 0; y < height; y++) {
    const uint8_t* above = row(y - radius - 1);
    const uint8_t* below = row(y + radius + 1);
    uint8_t* __restrict target = output + static_cast<int64_t>(y) * width;
    if (radius == 0) {
      const uint8_t* center = row(y);
      for (int32_t x = 0; x < width; x++) {
        const uint32_t ends = static_cast<uint32_t>(above[x]) + below[x];
        target[x] = static_cast<uint8_t>((inner * center[x] + outer * ends + rounding) >> 24);
      }
    } else if (radius == 1) {
      const uint8_t* before = row(y - 1);
      const uint8_t* center = row(y);
      const uint8_t* after = row(y + 1);
      for (int32_t x = 0; x < width; x++) {
        const uint32_t middle = static_cast<uint32_t>(before[x]) + center[x] + after[x];
        const uint32_t ends = static_cast<uint32_t>(above[x]) + below[x];
        target[x] = static_cast<uint8_t>((inner * middle + outer * ends + rounding) >> 24);
      }
    } else {
      const uint8_t* added = row(y + radius);
      const uint8_t* removed = row(y - radius);
      for (int32_t x = 0; x < width; x++) {
        const uint32_t middle = sums[x] + added[x];
        const uint32_t ends = static_cast<uint32_t>(above[x]) + below[x];
        target[x] = static_cast<uint8_t>((inner * middle + outer * ends + rounding) >> 24);
        sums[x] = middle - removed[x];
      }
    }
  }
}

}  // namespace

void gaussianBlur(uint8_t* planes, int32_t height, int32_t width, double sigma, BlurScratch& scratch) {
  const Box box = boxOf(sigma);
  const int32_t padding = box.radius + 1;
  const int64_t planeSize = static_cast<int64_t>(height) * width;
  scratch.lines.resize(2 * (static_cast<int64_t>(width) + 2 * padding));
  scratch.planes.resize(planeSize);
  scratch.sums.resize(width);
  uint8_t* lines[2] = {scratch.lines.data() + padding, scratch.lines.data() + width + 3 * padding};
  for (int64_t line = 0; line < 3 * static_cast<int64_t>(height); line++) {
    uint8_t* row = planes + line * width;
    std::memcpy(lines[0], row, width);
    replicateEnds(lines[0], width, padding);
    blurLine(lines[0], lines[1], width, box);
    replicateEnds(lines[1], width, padding);
    blurLine(lines[1], lines[0], width, box);
    replicateEnds(lines[0], width, padding);
    blurLine(lines[0], row, width, box);
  }
  for (int32_t channel = 0; channel < 3; channel++) {
    uint8_t* plane = planes + channel * planeSize;
    uint8_t* other = scratch.planes.data();
    blurColumns(plane, other, height, width, box, scratch.sums.data());
    blurColumns(other, plane, height, width, box, scratch.sums.data());
    blurColumns(plane, other, height, width, box, scratch.sums.data());
    std::memcpy(plane, other, planeSize);
  }
}

}  // namespace suave
