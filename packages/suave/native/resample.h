// Crop, antialiased resize, window and flip of one 8-bit RGB image in Pillow's integer arithmetic.
#pragma once

#include <cstdint>
#include <vector>

namespace suave {

enum class Kernel { bilinear, bicubic };
enum class Border { zero, reflect };

// The input pixels of one output position: weights[offset .. offset + count) times pixels first .. first + count.
// `count` is even, or 0 where the border is zero; an odd number of taps is filled up with a weight of 0.
struct Taps {
  int32_t first;
  int32_t count;
  int32_t offset;
};

// All output positions of one axis. Weights are integers, 2^22 being 1. Only inputs in [begin, end) matter; the tap
// that fills up may lie at `end`.
struct AxisTaps {
  std::vector<Taps> taps;
  std::vector<int32_t> weights;
  // Two neighboring weights in one integer, their lower 15 bits and the rest, for 16-bit multiplications.
  std::vector<int32_t> pairedLow;
  std::vector<int32_t> pairedHigh;
  std::vector<double> scratch;
  int32_t begin = 0;
  int32_t end = 0;
};

// One axis of a view: `input` pixels are resized to `resized`, of which [start, start + output) is kept. Positions
// outside the resized image are zero or reflected without repeating the edge. `reversed` flips the output.
struct Axis {
  int32_t input;
  int32_t resized;
  int32_t start;
  int32_t output;
  bool reversed;
};

// Bytes after the last pixel of a source row that resampleHorizontally may read.
constexpr int64_t sourcePadding = 16;

// Bytes of one row of `width` 4-byte pixels, filled up to whole vectors.
constexpr int64_t rowStride(int32_t width) { return (4 * static_cast<int64_t>(width) + 31) / 32 * 32; }

void computeTaps(AxisTaps& result, const Axis& axis, Kernel kernel, Border border);

// HWC rows (3 bytes a pixel, `rowBytes` apart) to rows of 4-byte pixels, rowStride apart.
void resampleHorizontally(
    const uint8_t* rows, int64_t rowBytes, int32_t numRows, const AxisTaps& axis, uint8_t* output);

// Rows of 4-byte pixels, the first one being row axis.begin and one more than needed, to three planes of
// numTaps × width bytes; `line` holds one row.
void resampleVertically(const uint8_t* rows, int32_t width, const AxisTaps& axis, uint8_t* line, uint8_t* planes);

}  // namespace suave
