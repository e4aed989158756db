// The two loops that limits.cc times, for the widest vectors of a path.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/simd/path.h"

namespace phi3lab::cpu {

struct Loops {
  uint64_t (*read)(const uint8_t* data, size_t bytes);  // `bytes` is a multiple of 256
  uint64_t (*multiply_add)(long turns);
  double flops_a_turn;
};

Loops loops_of(Path path);

}  // namespace phi3lab::cpu
