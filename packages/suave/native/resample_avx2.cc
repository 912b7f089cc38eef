#include "resample_avx2.h"

#ifdef SUAVE_HAS_AVX2

#include <immintrin.h>

#include <cstdlib>
#include <cstring>

namespace suave {

// A weight is low + 2^15 · high with 0 <= low < 2^15, so two taps are two 16-bit multiply-adds. Sums may wrap on the
// way; the total fits into 32 bits, hence it is exact.

bool cpuHasAvx2() {
  static const bool found = __builtin_cpu_supports("avx2") && std::getenv("SUAVE_NO_AVX2") == nullptr;
  return found;
}

namespace {

constexpr int weightBits = 22;
constexpr int lowBits = 15;

// round, shift: (low + 2^15 high + 2^21) >> 22
__attribute__((target("avx2"))) inline __m256i total(__m256i low, __m256i high) {
  const __m256i sum = _mm256_add_epi32(low, _mm256_slli_epi32(high, lowBits));
  return _mm256_srai_epi32(_mm256_add_epi32(sum, _mm256_set1_epi32(1 << (weightBits - 1))), weightBits);
}

// Two 16-byte loads, one a row, into the two halves.
__attribute__((target("avx2"))) inline __m256i loadTwo(const uint8_t* first, const uint8_t* second) {
  const __m128i lower = _mm_loadu_si128(reinterpret_cast<const __m128i*>(first));
  const __m128i upper = _mm_loadu_si128(reinterpret_cast<const __m128i*>(second));
  return _mm256_inserti128_si256(_mm256_castsi128_si256(lower), upper, 1);
}

inline void store4(uint8_t* target, int32_t value) { std::memcpy(target, &value, 4); }

}  // namespace

// Four rows at a time, which share the weights.
__attribute__((target("avx2"))) void resampleHorizontallyAvx2(
    const uint8_t* rows, int64_t rowBytes, int32_t numRows, const AxisTaps& axis, uint8_t* output) {
  const int32_t width = static_cast<int32_t>(axis.taps.size());
  const int64_t stride = rowStride(width);
  const Taps* taps = axis.taps.data();
  // The bytes r0 g0 b0 r1 g1 b1 to the 16-bit pairs (r0 r1) (g0 g1) (b0 b1) (0 0).
  const __m256i pairUp = _mm256_setr_epi8(
      0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1,
      0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1);
  for (int32_t y = 0; y < numRows; y += 4) {
    const uint8_t* row[4];
    uint8_t* target[4];
    for (int32_t i = 0; i < 4; i++) {
      const int64_t line = y + i < numRows ? y + i : numRows - 1;
      row[i] = rows + line * rowBytes;
      target[i] = output + line * stride;
    }
    for (int32_t x = 0; x < width; x++) {
      const int32_t* low = axis.pairedLow.data() + taps[x].offset / 2;
      const int32_t* high = axis.pairedHigh.data() + taps[x].offset / 2;
      int64_t position = 3 * static_cast<int64_t>(taps[x].first);
      __m256i lowA = _mm256_setzero_si256();
      __m256i lowB = _mm256_setzero_si256();
      __m256i highA = _mm256_setzero_si256();
      __m256i highB = _mm256_setzero_si256();
      const int32_t numPairs = taps[x].count / 2;
      for (int32_t pair = 0; pair < numPairs; pair++, position += 6) {
        const __m256i lowWeights = _mm256_set1_epi32(low[pair]);
        const __m256i highWeights = _mm256_set1_epi32(high[pair]);
        const __m256i a = _mm256_shuffle_epi8(loadTwo(row[0] + position, row[1] + position), pairUp);
        const __m256i b = _mm256_shuffle_epi8(loadTwo(row[2] + position, row[3] + position), pairUp);
        lowA = _mm256_add_epi32(lowA, _mm256_madd_epi16(a, lowWeights));
        lowB = _mm256_add_epi32(lowB, _mm256_madd_epi16(b, lowWeights));
        highA = _mm256_add_epi32(highA, _mm256_madd_epi16(a, highWeights));
        highB = _mm256_add_epi32(highB, _mm256_madd_epi16(b, highWeights));
      }
      // Saturating packs clip to 0 .. 255. Halves: rows 0 and 2, rows 1 and 3.
      const __m256i words = _mm256_packs_epi32(total(lowA, highA), total(lowB, highB));
      const __m256i bytes = _mm256_packus_epi16(words, words);
      const __m128i even = _mm256_castsi256_si128(bytes);
      const __m128i odd = _mm256_extracti128_si256(bytes, 1);
      store4(target[0] + 4 * x, _mm_cvtsi128_si32(even));
      store4(target[2] + 4 * x, _mm_extract_epi32(even, 1));
      store4(target[1] + 4 * x, _mm_cvtsi128_si32(odd));
      store4(target[3] + 4 * x, _mm_extract_epi32(odd, 1));
    }
  }
}

__attribute__((target("avx2"))) void resampleLineAvx2(
    const uint8_t* first,
    int64_t stride,
    const int32_t* pairedLow,
    const int32_t* pairedHigh,
    int32_t numPairs,
    uint8_t* line) {
  const __m256i zero = _mm256_setzero_si256();
  for (int64_t x = 0; x < stride; x += 32) {
    __m256i low[4] = {zero, zero, zero, zero};
    __m256i high[4] = {zero, zero, zero, zero};
    const uint8_t* pixel = first + x;
    for (int32_t pair = 0; pair < numPairs; pair++, pixel += 2 * stride) {
      const __m256i lowWeights = _mm256_set1_epi32(pairedLow[pair]);
      const __m256i highWeights = _mm256_set1_epi32(pairedHigh[pair]);
      const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(pixel));
      const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(pixel + stride));
      const __m256i lower = _mm256_unpacklo_epi8(a, b);
      const __m256i upper = _mm256_unpackhi_epi8(a, b);
      const __m256i pairs[4] = {
          _mm256_unpacklo_epi8(lower, zero), _mm256_unpackhi_epi8(lower, zero),
          _mm256_unpacklo_epi8(upper, zero), _mm256_unpackhi_epi8(upper, zero)};
      for (int i = 0; i < 4; i++) {
        low[i] = _mm256_add_epi32(low[i], _mm256_madd_epi16(pairs[i], lowWeights));
        high[i] = _mm256_add_epi32(high[i], _mm256_madd_epi16(pairs[i], highWeights));
      }
    }
    const __m256i front = _mm256_packs_epi32(total(low[0], high[0]), total(low[1], high[1]));
    const __m256i back = _mm256_packs_epi32(total(low[2], high[2]), total(low[3], high[3]));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(line + x), _mm256_packus_epi16(front, back));
  }
}

}  // namespace suave
#endif
