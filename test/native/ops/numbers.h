// Numbers that the table is filled with, and the formats that a backend may keep them in.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace phi3lab::ops {

/** Row-major; what definitions compute with. */
using Numbers = std::vector<double>;

/** What a backend keeps weights, keys and values in. */
enum class Dtype { float32, bfloat16, float16 };

/** The largest relative error of rounding to the format: 2^-p for p significant bits. */
inline double unit_roundoff(Dtype dtype) {
  return std::ldexp(1, dtype == Dtype::float32 ? -24 : dtype == Dtype::bfloat16 ? -8 : -11);
}

/** The nearest number of the format, ties to even; subnormal numbers included, overflow not. */
inline double round_to(double x, Dtype dtype) {
  if (dtype == Dtype::float32) return static_cast<double>(static_cast<float>(x));
  if (x == 0 || !std::isfinite(x)) return x;
  const int bits = dtype == Dtype::bfloat16 ? 8 : 11, lowest = dtype == Dtype::bfloat16 ? -126 : -14;
  int exponent;
  std::frexp(x, &exponent);  // |x| in [2^(exponent - 1), 2^exponent)
  const double unit = std::ldexp(1, std::max(exponent - 1, lowest) - (bits - 1));
  return std::nearbyint(x / unit) * unit;
}

inline Numbers rounded(Numbers numbers, Dtype dtype) {
  for (double& x : numbers) x = round_to(x, dtype);
  return numbers;
}

/** Random numbers from a seed, the same on every platform (splitmix64). */
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  /** In [0, count). */
  int64_t below(int64_t count) { return static_cast<int64_t>(next() % static_cast<uint64_t>(count)); }
  float uniform(float low, float high) {
    return low + (high - low) * (static_cast<float>(next() >> 40) * 5.9604644775390625e-8f);  // 2⁻²⁴
  }
  std::vector<float> floats(int64_t count, float low, float high) {
    std::vector<float> numbers(static_cast<size_t>(count));
    for (float& x : numbers) x = uniform(low, high);
    return numbers;
  }

 private:
  uint64_t state_;
};

inline Numbers numbers_of(const std::vector<float>& floats) { return Numbers(floats.begin(), floats.end()); }

inline std::vector<float> floats_of(const Numbers& numbers) {
  std::vector<float> floats(numbers.size());
  for (size_t i = 0; i < numbers.size(); i++) floats[i] = static_cast<float>(numbers[i]);
  return floats;
}

}  // namespace phi3lab::ops
