// How long a generation's tokens take.
#pragma once

#include <chrono>

namespace phi3lab {

using Clock = std::chrono::steady_clock;

inline double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

}  // namespace phi3lab
