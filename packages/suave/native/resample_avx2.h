// The inner loops of resample.cc for x-86 processors with AVX2; the same bits as the portable ones.
#pragma once

#include "resample.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define SUAVE_HAS_AVX2 1

namespace suave {

bool cpuHasAvx2();

void resampleHorizontallyAvx2(
    const uint8_t* rows, int64_t rowBytes, int32_t numRows, const AxisTaps& axis, uint8_t* output);

void resampleLineAvx2(
    const uint8_t* first,
    int64_t stride,
    const int32_t* pairedLow,
    const int32_t* pairedHigh,
    int32_t numPairs,
    uint8_t* line);

}  // namespace suave
#endif
