#include "resample.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "multiversion.h"
#include "resample_avx2.h"

namespace suave {

namespace {

constexpr int weightBits = 22;
constexpr int32_t half = 1 << (weightBits - 1);

double triangle(double x) {
  x = std::fabs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

// Keys' cubic with a = -0.5.
double cubic(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

// Position in the resized image, -1 where the border is zero.
int32_t borderPosition(int32_t position, int32_t size, Border border) {
  if (position >= 0 && position < size) return position;
  if (border == Border::zero) return -1;
  if (size == 1) return 0;
  const int32_t period = 2 * (size - 1);
  position = ((position % period) + period) % period;
  return position < size ? position : period - position;
}

uint8_t toByte(int32_t sum) { return static_cast<uint8_t>(std::min(std::max(sum >> weightBits, 0), 255)); }

// Appends the taps of one position of the resized axis.
void appendTaps(AxisTaps& result, int32_t input, double scale, Kernel kernel, int32_t position) {
  const double filterScale = std::max(scale, 1.0);
  const double support = filterScale * (kernel == Kernel::bilinear ? 1.0 : 2.0);
  const double inverseScale = 1.0 / filterScale;
  const double center = (position + 0.5) * scale;
  const int32_t first = std::max(0, static_cast<int32_t>(center - support + 0.5));
  const int32_t last = std::min(input, static_cast<int32_t>(center + support + 0.5));
  result.scratch.clear();
  double total = 0.0;
  for (int32_t x = first; x < last; x++) {
    const double distance = (x - center + 0.5) * inverseScale;
    const double weight = kernel == Kernel::bilinear ? triangle(distance) : cubic(distance);
    result.scratch.push_back(weight);
    total += weight;
  }
  const int32_t offset = static_cast<int32_t>(result.weights.size());
  int32_t begin = last;
  int32_t end = first;
  for (int32_t x = first; x < last; x++) {
    double weight = result.scratch[x - first];
    if (total != 0.0) weight /= total;
    const double scaled = weight * (1 << weightBits);
    const int32_t fixed = static_cast<int32_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    if (fixed == 0 && begin == last) continue;  // leading zeros
    begin = std::min(begin, x);
    if (fixed != 0) end = x + 1;
    result.weights.push_back(fixed);
  }
  const int32_t count = std::max(0, end - begin);
  result.weights.resize(offset + count);
  if (count % 2 == 1) result.weights.push_back(0);
  result.taps.push_back({count > 0 ? begin : 0, (count + 1) / 2 * 2, offset});
  if (count > 0) {
    result.begin = std::min(result.begin, begin);
    result.end = std::max(result.end, end);
  }
}

}  // namespace

void computeTaps(AxisTaps& result, const Axis& axis, Kernel kernel, Border border) {
  result.taps.clear();
  result.weights.clear();
  result.begin = axis.input;
  result.end = 0;
  const double scale = static_cast<double>(axis.input) / axis.resized;
  for (int32_t i = 0; i < axis.output; i++) {
    const int32_t position =
        borderPosition(axis.start + (axis.reversed ? axis.output - 1 - i : i), axis.resized, border);
    if (position < 0) {
      result.taps.push_back({0, 0, static_cast<int32_t>(result.weights.size())});
    } else {
      appendTaps(result, axis.input, scale, kernel, position);
    }
  }
  if (result.begin >= result.end) result.begin = result.end = 0;
  const size_t numPairs = result.weights.size() / 2;
  result.pairedLow.resize(numPairs);
  result.pairedHigh.resize(numPairs);
  for (size_t i = 0; i < numPairs; i++) {
    const uint32_t first = static_cast<uint32_t>(result.weights[2 * i]);
    const uint32_t second = static_cast<uint32_t>(result.weights[2 * i + 1]);
    result.pairedLow[i] = static_cast<int32_t>((first & 0x7fff) | (second & 0x7fff) << 16);
    const uint32_t firstHigh = static_cast<uint32_t>(result.weights[2 * i] >> 15);
    const uint32_t secondHigh = static_cast<uint32_t>(result.weights[2 * i + 1] >> 15);
    result.pairedHigh[i] = static_cast<int32_t>((firstHigh & 0xffff) | secondHigh << 16);
  }
}

void resampleHorizontally(
    const uint8_t* rows, int64_t rowBytes, int32_t numRows, const AxisTaps& axis, uint8_t* output) {
#ifdef SUAVE_HAS_AVX2
  if (cpuHasAvx2()) return resampleHorizontallyAvx2(rows, rowBytes, numRows, axis, output);
#endif
  const int32_t width = static_cast<int32_t>(axis.taps.size());
  for (int32_t y = 0; y < numRows; y++, rows += rowBytes, output += rowStride(width)) {
    for (int32_t x = 0; x < width; x++) {
      const Taps taps = axis.taps[x];
      const uint8_t* pixel = rows + 3 * static_cast<int64_t>(taps.first);
      const int32_t* weights = axis.weights.data() + taps.offset;
      int32_t red = half;
      int32_t green = half;
      int32_t blue = half;
      for (int32_t t = 0; t < taps.count; t++, pixel += 3) {
        red += weights[t] * pixel[0];
        green += weights[t] * pixel[1];
        blue += weights[t] * pixel[2];
      }
      output[4 * x] = toByte(red);
      output[4 * x + 1] = toByte(green);
      output[4 * x + 2] = toByte(blue);
      output[4 * x + 3] = 0;
    }
  }
}

namespace {

void resampleLine(const uint8_t* first, int64_t stride, const int32_t* weights, int32_t count, uint8_t* line) {
  for (int64_t x = 0; x < stride; x++) {
    int32_t sum = half;
    for (int32_t t = 0; t < count; t++) sum += weights[t] * first[t * stride + x];
    line[x] = toByte(sum);
  }
}

SUAVE_MULTIVERSION
void splitPixels(
    const uint8_t* __restrict line,
    int32_t width,
    uint8_t* __restrict red,
    uint8_t* __restrict green,
    uint8_t* __restrict blue) {
  for (int32_t x = 0; x < width; x++) {
    uint32_t packed;
    std::memcpy(&packed, line + 4 * x, 4);
    red[x] = static_cast<uint8_t>(packed);
    green[x] = static_cast<uint8_t>(packed >> 8);
    blue[x] = static_cast<uint8_t>(packed >> 16);
  }
}

}  // namespace

void resampleVertically(const uint8_t* rows, int32_t width, const AxisTaps& axis, uint8_t* line, uint8_t* planes) {
  const int32_t height = static_cast<int32_t>(axis.taps.size());
  const int64_t stride = rowStride(width);
  const int64_t planeSize = static_cast<int64_t>(height) * width;
  for (int32_t y = 0; y < height; y++) {
    const Taps taps = axis.taps[y];
    const uint8_t* first = rows + (taps.count > 0 ? taps.first - axis.begin : 0) * stride;
#ifdef SUAVE_HAS_AVX2
    if (cpuHasAvx2()) {
      resampleLineAvx2(
          first, stride, axis.pairedLow.data() + taps.offset / 2, axis.pairedHigh.data() + taps.offset / 2,
          taps.count / 2, line);
    } else {
      resampleLine(first, stride, axis.weights.data() + taps.offset, taps.count, line);
    }
#else
    resampleLine(first, stride, axis.weights.data() + taps.offset, taps.count, line);
#endif
    uint8_t* row = planes + static_cast<int64_t>(y) * width;
    splitPixels(line, width, row, row + planeSize, row + 2 * planeSize);
  }
}

}  // namespace suave
