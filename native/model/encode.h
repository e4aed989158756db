// Rows of float32 numbers as the weight formats that are written at load: the float formats, Q8_0 and Q4_0.
#pragma once

#include <cstdint>

#include "native/seam/dtype.h"

namespace phi3lab {

// Whether `encode_row` writes it.
bool can_encode(WeightType type);

// out (row_bytes(type, cols)) = in (cols,), rounded to the nearest; BF16 and F16 with ties to even. Q8_0 is gguf-py's
// `quantize` to the bit. Q4_0 takes, of several steps a block, the one that leaves the least square error, and fits it
// to the block: the same format and size as llama.cpp's, nearer to the numbers. False where a number is not finite and
// the format has blocks, or a finite number is beyond what float16 holds: `out` then means nothing.
bool encode_row(uint8_t* out, WeightType type, const float* in, int64_t cols);

}  // namespace phi3lab
