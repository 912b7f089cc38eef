// The operators suave::augment_views and suave::gather_crops: drawn view parameters applied to 8-bit images.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "blur.h"
#include "color.h"
#include "resample.h"

namespace suave {

namespace {

// Columns of a parameter row; packages/suave/src/augment/view-parameters.ts has the same list.
enum Column {
  cropTop,
  cropLeft,
  cropHeight,
  cropWidth,
  resizedHeight,
  resizedWidth,
  windowTop,
  windowLeft,
  flipped,
  numOperations,
  firstOperation,
};
constexpr int64_t maxOperations = 8;
constexpr int64_t numColumns = firstOperation + 2 * maxOperations;
constexpr int64_t numImageColumns = 3;  // byte offset, height, width

enum Operation { brightness = 1, contrast, saturation, hue, gray, blur, solarized, equalized, numOperationCodes };

// Buffers of one thread; they grow to the largest view seen and are then reused.
struct Scratch {
  AxisTaps horizontal;
  AxisTaps vertical;
  std::vector<uint8_t> source;
  std::vector<uint8_t> rows;
  std::vector<uint8_t> line;
  std::vector<uint8_t> planes;
  BlurScratch blur;
};

struct Job {
  const uint8_t* pixels;
  int64_t numPixelBytes;
  const double* images;
  const double* parameters;
  int32_t height;
  int32_t width;
  Kernel kernel;
  Border border;
};

Kernel kernelOf(const std::string& name) {
  if (name == "bilinear") return Kernel::bilinear;
  TORCH_CHECK(
      name == "bicubic", "augment_views: expected interpolation 'bilinear' or 'bicubic', got '", name, "'.");
  return Kernel::bicubic;
}

Border borderOf(const std::string& name) {
  if (name == "zero") return Border::zero;
  TORCH_CHECK(name == "reflect", "augment_views: expected border 'zero' or 'reflect', got '", name, "'.");
  return Border::reflect;
}

void checkMatrix(const char* where, const char* name, const at::Tensor& matrix, int64_t columns) {
  TORCH_CHECK(
      matrix.device().is_cpu() && matrix.scalar_type() == at::kDouble && matrix.dim() == 2 &&
          matrix.size(1) == columns && matrix.is_contiguous(),
      where, ": expected ", name, " to be a contiguous float64 CPU tensor [n, ", columns, "], got ",
      matrix.scalar_type(), " ", matrix.sizes(), " on ", matrix.device(), ".");
}

void checkPixels(const char* where, const at::Tensor& pixels) {
  TORCH_CHECK(
      pixels.device().is_cpu() && pixels.scalar_type() == at::kByte && pixels.dim() == 1 && pixels.is_contiguous(),
      where, ": expected pixels to be a contiguous uint8 CPU tensor [bytes], got ", pixels.scalar_type(), " ",
      pixels.sizes(), " on ", pixels.device(), ". Use the tensor-operation path on other devices.");
}

bool isInteger(double value, double low, double high) {
  return value >= low && value <= high && value == std::floor(value);
}

void checkImage(const char* where, const double* image, int64_t row, int64_t numPixelBytes) {
  TORCH_CHECK(
      isInteger(image[1], 1, 1 << 24) && isInteger(image[2], 1, 1 << 24) &&
          isInteger(image[0], 0, static_cast<double>(numPixelBytes)) &&
          image[0] + 3 * image[1] * image[2] <= static_cast<double>(numPixelBytes),
      where, ": expected image ", row, " to lie inside the ", numPixelBytes, " pixel bytes, got offset ", image[0],
      ", height ", image[1], ", width ", image[2], ".");
}

void checkBox(const char* where, const double* image, const double* box, int64_t row) {
  TORCH_CHECK(
      isInteger(box[0], 0, image[1] - 1) && isInteger(box[1], 0, image[2] - 1) &&
          isInteger(box[2], 1, image[1] - box[0]) && isInteger(box[3], 1, image[2] - box[1]),
      where, ": expected the crop of row ", row, " to lie inside the image of ", image[1], " x ", image[2],
      ", got top ", box[0], ", left ", box[1], ", height ", box[2], ", width ", box[3], ".");
}

void checkRow(const Job& job, int64_t row) {
  constexpr double limit = 1 << 24;
  const double* parameters = job.parameters + row * numColumns;
  checkImage("augment_views", job.images + row * numImageColumns, row, job.numPixelBytes);
  checkBox("augment_views", job.images + row * numImageColumns, parameters + cropTop, row);
  TORCH_CHECK(
      isInteger(parameters[resizedHeight], 1, limit) && isInteger(parameters[resizedWidth], 1, limit) &&
          isInteger(parameters[windowTop], -limit, limit) && isInteger(parameters[windowLeft], -limit, limit),
      "augment_views: expected integers for the resized size and the window of row ", row, ", got ",
      parameters[resizedHeight], ", ", parameters[resizedWidth], ", ", parameters[windowTop], ", ",
      parameters[windowLeft], ".");
  TORCH_CHECK(
      isInteger(parameters[numOperations], 0, maxOperations), "augment_views: expected at most ", maxOperations,
      " operations in row ", row, ", got ", parameters[numOperations], ".");
  for (int64_t i = 0; i < static_cast<int64_t>(parameters[numOperations]); i++) {
    const double number = parameters[firstOperation + 2 * i];
    const double value = parameters[firstOperation + 2 * i + 1];
    const int code = isInteger(number, 1, numOperationCodes - 1) ? static_cast<int>(number) : 0;
    TORCH_CHECK(
        code != 0 && std::isfinite(value) && (code != hue || std::fabs(value) <= 0.5) &&
            (code != blur || (value >= 0 && value <= 1000)),
        "augment_views: operation ", i, " of row ", row, " is not valid: code ", number, ", value ", value, ".");
  }
}

// Cuts, resizes and flips the view of one row into scratch.planes.
void cutView(const Job& job, int64_t row, Scratch& scratch) {
  const double* image = job.images + row * numImageColumns;
  const double* parameters = job.parameters + row * numColumns;
  const auto column = [&](Column name) { return static_cast<int32_t>(parameters[name]); };
  computeTaps(
      scratch.horizontal,
      {column(cropWidth), column(resizedWidth), column(windowLeft), job.width, parameters[flipped] != 0}, job.kernel,
      job.border);
  computeTaps(
      scratch.vertical, {column(cropHeight), column(resizedHeight), column(windowTop), job.height, false}, job.kernel,
      job.border);
  const int64_t rowBytes = 3 * static_cast<int64_t>(image[2]);
  const int32_t numRows = scratch.vertical.end - scratch.vertical.begin;
  const int64_t start = static_cast<int64_t>(image[0]) +
      (column(cropTop) + static_cast<int64_t>(scratch.vertical.begin)) * rowBytes + 3 * column(cropLeft);
  scratch.rows.resize(rowStride(job.width) * (numRows + 2));
  scratch.line.resize(rowStride(job.width));
  scratch.planes.resize(3 * static_cast<int64_t>(job.height) * job.width);
  // Whole-vector loads may end behind the last pixel of the file: rows that near its end are copied first.
  const int64_t usedBytes = 3 * static_cast<int64_t>(scratch.horizontal.end);
  const int64_t lastSafe = job.numPixelBytes - usedBytes - sourcePadding - start;
  const int32_t numDirectRows =
      lastSafe < 0 ? 0 : static_cast<int32_t>(std::min<int64_t>(numRows, lastSafe / rowBytes + 1));
  resampleHorizontally(job.pixels + start, rowBytes, numDirectRows, scratch.horizontal, scratch.rows.data());
  if (numDirectRows < numRows) scratch.source.resize(usedBytes + sourcePadding);
  for (int32_t y = numDirectRows; y < numRows; y++) {
    std::memcpy(scratch.source.data(), job.pixels + start + y * rowBytes, usedBytes);
    resampleHorizontally(
        scratch.source.data(), 0, 1, scratch.horizontal, scratch.rows.data() + y * rowStride(job.width));
  }
  resampleVertically(
      scratch.rows.data(), job.width, scratch.vertical, scratch.line.data(), scratch.planes.data());
}

void applyOperations(const Job& job, int64_t row, Scratch& scratch) {
  const double* parameters = job.parameters + row * numColumns;
  uint8_t* planes = scratch.planes.data();
  const int64_t count = static_cast<int64_t>(job.height) * job.width;
  for (int64_t i = 0; i < static_cast<int64_t>(parameters[numOperations]); i++) {
    const double value = parameters[firstOperation + 2 * i + 1];
    switch (static_cast<Operation>(static_cast<int>(parameters[firstOperation + 2 * i]))) {
      case brightness: adjustBrightness(planes, count, value); break;
      case contrast: adjustContrast(planes, count, value); break;
      case saturation: adjustSaturation(planes, count, value); break;
      case hue: adjustHue(planes, count, value); break;
      case gray: grayscale(planes, count); break;
      case blur: gaussianBlur(planes, job.height, job.width, value, scratch.blur); break;
      case solarized: solarize(planes, count, value); break;
      case equalized: equalize(planes, count); break;
      default: break;
    }
  }
}

// The 256 normalized values of each channel: (v / 255 − mean) / std, every step rounded in the working precision.
template <typename scalar_t, typename working_t>
std::vector<scalar_t> normalizedValues(at::ArrayRef<double> mean, at::ArrayRef<double> std) {
  std::vector<scalar_t> values(3 * 256);
  for (int channel = 0; channel < 3; channel++) {
    for (int value = 0; value < 256; value++) {
      const working_t scaled = static_cast<working_t>(value) / static_cast<working_t>(255);
      values[256 * channel + value] = static_cast<scalar_t>(
          (scaled - static_cast<working_t>(mean[channel])) / static_cast<working_t>(std[channel]));
    }
  }
  return values;
}

template <typename scalar_t>
void runViews(const Job& job, int64_t numViews, const std::vector<scalar_t>& values, scalar_t* output) {
  at::parallel_for(0, numViews, 1, [&](int64_t begin, int64_t end) {
    static thread_local Scratch scratch;
    const int64_t count = static_cast<int64_t>(job.height) * job.width;
    for (int64_t row = begin; row < end; row++) {
      cutView(job, row, scratch);
      applyOperations(job, row, scratch);
      const uint8_t* __restrict planes = scratch.planes.data();
      scalar_t* __restrict target = output + 3 * count * row;
      for (int64_t channel = 0; channel < 3; channel++) {
        const scalar_t* __restrict table = values.data() + 256 * channel;
        for (int64_t i = 0; i < count; i++) target[channel * count + i] = table[planes[channel * count + i]];
      }
    }
  });
}

void runBytes(const Job& job, int64_t numViews, uint8_t* output) {
  at::parallel_for(0, numViews, 1, [&](int64_t begin, int64_t end) {
    static thread_local Scratch scratch;
    const int64_t viewBytes = 3 * static_cast<int64_t>(job.height) * job.width;
    for (int64_t row = begin; row < end; row++) {
      cutView(job, row, scratch);
      applyOperations(job, row, scratch);
      std::memcpy(output + viewBytes * row, scratch.planes.data(), viewBytes);
    }
  });
}

}  // namespace

// Images [n, 3] = (byte offset, height, width) of HWC images in `pixels`; parameters [n, 26], one row a view.
// Result [n, 3, height, width]: normalized floating-point values, or the bytes themselves for dtype uint8.
at::Tensor augmentViews(
    const at::Tensor& pixels,
    const at::Tensor& images,
    const at::Tensor& parameters,
    at::IntArrayRef size,
    std::string interpolation,
    std::string border,
    at::ArrayRef<double> mean,
    at::ArrayRef<double> std,
    c10::optional<at::ScalarType> dtype) {
  checkPixels("augment_views", pixels);
  checkMatrix("augment_views", "images", images, numImageColumns);
  checkMatrix("augment_views", "parameters", parameters, numColumns);
  const int64_t numViews = parameters.size(0);
  TORCH_CHECK(
      images.size(0) == numViews, "augment_views: expected as many images as parameter rows, got ", images.size(0),
      " and ", numViews, ".");
  TORCH_CHECK(
      size.size() == 2 && size[0] > 0 && size[1] > 0 && size[0] <= 16384 && size[1] <= 16384,
      "augment_views: expected a size of two numbers in [1, 16384], got ", size, ".");
  const at::ScalarType type = dtype.value_or(at::kFloat);
  TORCH_CHECK(
      type == at::kByte || (mean.size() == 3 && std.size() == 3 && std[0] > 0 && std[1] > 0 && std[2] > 0),
      "augment_views: expected three means and three positive standard deviations, got ", mean, " and ", std, ".");
  const Job job{
      pixels.data_ptr<uint8_t>(),      pixels.numel(),
      images.data_ptr<double>(),       parameters.data_ptr<double>(),
      static_cast<int32_t>(size[0]),   static_cast<int32_t>(size[1]),
      kernelOf(interpolation),         borderOf(border)};
  for (int64_t row = 0; row < numViews; row++) checkRow(job, row);
  at::Tensor output = at::empty({numViews, 3, size[0], size[1]}, at::TensorOptions().dtype(type));
  switch (type) {
    case at::kByte: runBytes(job, numViews, output.data_ptr<uint8_t>()); break;
    case at::kFloat: runViews(job, numViews, normalizedValues<float, float>(mean, std), output.data_ptr<float>()); break;
    case at::kDouble:
      runViews(job, numViews, normalizedValues<double, double>(mean, std), output.data_ptr<double>());
      break;
    case at::kHalf:
      runViews(job, numViews, normalizedValues<at::Half, float>(mean, std), output.data_ptr<at::Half>());
      break;
    case at::kBFloat16:
      runViews(job, numViews, normalizedValues<at::BFloat16, float>(mean, std), output.data_ptr<at::BFloat16>());
      break;
    default: TORCH_CHECK(false, "augment_views: expected a floating-point dtype or uint8, got ", type, ".");
  }
  return output;
}

// Boxes [n, 4] = (top, left, height, width) of images [n, 3] copied into a zero-padded uint8 batch [n, H, 3, W], H and
// W the largest box: what the tensor-operation path uploads when the pixels stay on the host.
at::Tensor gatherCrops(const at::Tensor& pixels, const at::Tensor& images, const at::Tensor& boxes) {
  checkPixels("gather_crops", pixels);
  checkMatrix("gather_crops", "images", images, numImageColumns);
  checkMatrix("gather_crops", "boxes", boxes, 4);
  const int64_t numImages = images.size(0);
  TORCH_CHECK(
      boxes.size(0) == numImages, "gather_crops: expected as many boxes as images, got ", boxes.size(0), " and ",
      numImages, ".");
  const double* imageRows = images.data_ptr<double>();
  const double* boxRows = boxes.data_ptr<double>();
  int64_t height = 1;
  int64_t width = 1;
  for (int64_t row = 0; row < numImages; row++) {
    checkImage("gather_crops", imageRows + 3 * row, row, pixels.numel());
    checkBox("gather_crops", imageRows + 3 * row, boxRows + 4 * row, row);
    height = std::max(height, static_cast<int64_t>(boxRows[4 * row + 2]));
    width = std::max(width, static_cast<int64_t>(boxRows[4 * row + 3]));
  }
  at::Tensor output = at::zeros({numImages, height, 3, width}, at::TensorOptions().dtype(at::kByte));
  const uint8_t* source = pixels.data_ptr<uint8_t>();
  uint8_t* target = output.data_ptr<uint8_t>();
  at::parallel_for(0, numImages, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const double* image = imageRows + 3 * row;
      const double* box = boxRows + 4 * row;
      const int64_t rowBytes = 3 * static_cast<int64_t>(image[2]);
      for (int64_t y = 0; y < static_cast<int64_t>(box[2]); y++) {
        const uint8_t* line = source + static_cast<int64_t>(image[0]) +
            (static_cast<int64_t>(box[0]) + y) * rowBytes + 3 * static_cast<int64_t>(box[1]);
        uint8_t* planes = target + 3 * (row * height + y) * width;
        for (int64_t x = 0; x < static_cast<int64_t>(box[3]); x++) {
          planes[x] = line[3 * x];
          planes[width + x] = line[3 * x + 1];
          planes[2 * width + x] = line[3 * x + 2];
        }
      }
    }
  });
  return output;
}

}  // namespace suave

TORCH_LIBRARY(suave, m) {
  m.def(
      "augment_views(Tensor pixels, Tensor images, Tensor parameters, int[2] size, str interpolation, str border, "
      "float[] mean, float[] std, *, ScalarType? dtype=None) -> Tensor");
  m.def("gather_crops(Tensor pixels, Tensor images, Tensor boxes) -> Tensor");
}

TORCH_LIBRARY_IMPL(suave, CPU, m) {
  m.impl("augment_views", TORCH_FN(suave::augmentViews));
  m.impl("gather_crops", TORCH_FN(suave::gatherCrops));
}
