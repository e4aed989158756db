// The number formats of weights, their sizes, and how an error is thrown. Shared by everything native.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace phi3lab {

// A failure with a sentence for the reader; the addon makes it a JavaScript Error.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Work that was stopped on request.
struct Aborted : Error {
  Aborted() : Error("The operation was aborted") {}
};

enum class WeightType { F32, F16, BF16, Q4_0, Q4_1, Q8_0, Q6_K };

struct WeightFormat {
  const char* name;
  int64_t block;  // numbers a block
  int64_t bytes;  // bytes a block
};

inline constexpr WeightFormat kFormats[] = {
    {"F32", 1, 4}, {"F16", 1, 2}, {"BF16", 1, 2}, {"Q4_0", 32, 18}, {"Q4_1", 32, 20}, {"Q8_0", 32, 34}, {"Q6_K", 256, 210},
};

inline const WeightFormat& format_of(WeightType type) { return kFormats[static_cast<int>(type)]; }

inline int64_t row_bytes(WeightType type, int64_t cols) {
  const WeightFormat& format = format_of(type);
  return cols / format.block * format.bytes;
}

}  // namespace phi3lab
