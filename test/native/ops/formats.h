// The weight formats by their descriptions: what each number of a block is, and blocks of random numbers.
#pragma once

#include <vector>

#include "native/seam/dtype.h"
#include "numbers.h"

namespace phi3lab::ops {

/** Every format that weights have. */
inline std::vector<WeightType> all_weight_types() {
  std::vector<WeightType> all;
  for (int i = 0; i < kWeightTypes; i++) all.push_back(static_cast<WeightType>(i));
  return all;
}

/** Weight k of a row. */
double number_at(WeightType type, const uint8_t* row, int64_t k);
/** All 65,536 numbers of a 16-bit file format, as kept in `dtype`: looked up, since large weights have many. */
const Numbers& lookup(WeightType type, Dtype dtype);
/** Fills `count` blocks (numbers, of the float formats) with either sign and a root mean square of `size`; a quantised
 * number's is that of its parts. */
void fill(Random& random, uint8_t* out, WeightType type, int64_t count, double size);
/** Float16's bits, rounding to nearest; small numbers become subnormal ones. */
uint16_t to_f16(float f);
/** Bfloat16's bits, towards zero: any number will do. */
uint16_t to_bf16(float f);

}  // namespace phi3lab::ops
