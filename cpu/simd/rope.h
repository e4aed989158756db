// One head's rotation, which is a verb of its own (rope.cc) and a part of the fused one (fused.cc).
#pragma once

#include <cstdint>

namespace phi3lab::cpu {

/** head (2 · half,) in place; `cosines` and `sines` (half,) of its position. */
inline void rope_head(float* head, const float* cosines, const float* sines, int64_t half) {
  for (int64_t i = 0; i < half; i++) {
    const float a = head[i], b = head[i + half];
    head[i] = a * cosines[i] - b * sines[i];
    head[i + half] = b * cosines[i] + a * sines[i];
  }
}

}  // namespace phi3lab::cpu
