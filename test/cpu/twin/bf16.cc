// The twin has no bfloat16, and its paths say so: nobody asks for this.
#include <stdexcept>

#include "cpu/matmul/avx512.h"

namespace phi3lab::cpu {

void multiply_bf16(const Gemm&) { throw std::logic_error("[matmul] The twin of AVX-512 has no bfloat16"); }

}  // namespace phi3lab::cpu
