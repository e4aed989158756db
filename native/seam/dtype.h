// The formats that weights have in their files, a row each; src/weights/formats.ts has the same table, held equal by a
// test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace phi3lab {

/** How a weight's numbers lie in its file; the names are safetensors' and GGUF's. */
enum class WeightType : uint8_t {
  F32,
  F16,
  BF16,
  Q4_0,
  Q4_1,
  Q5_0,
  Q5_1,
  Q8_0,
  IQ4_NL,
  Q2_K,
  Q3_K,
  Q4_K,
  Q5_K,
  Q6_K,
  IQ4_XS
};
constexpr int kWeightTypes = static_cast<int>(WeightType::IQ4_XS) + 1;

/** Numbers a block, and bytes a block, of a weight type. */
struct WeightFormat {
  const char* name;
  int64_t block_size;
  int64_t block_bytes;
};

inline constexpr WeightFormat kWeightFormats[] = {
    {"F32", 1, 4},      {"F16", 1, 2},      {"BF16", 1, 2},     {"Q4_0", 32, 18},   {"Q4_1", 32, 20},
    {"Q5_0", 32, 22},   {"Q5_1", 32, 24},   {"Q8_0", 32, 34},   {"IQ4_NL", 32, 18}, {"Q2_K", 256, 84},
    {"Q3_K", 256, 110}, {"Q4_K", 256, 144}, {"Q5_K", 256, 176}, {"Q6_K", 256, 210}, {"IQ4_XS", 256, 136}};

constexpr const WeightFormat& format_of(WeightType type) { return kWeightFormats[static_cast<int>(type)]; }

inline std::optional<WeightType> weight_type_named(std::string_view name) {
  for (int i = 0; i < kWeightTypes; i++)
    if (name == format_of(static_cast<WeightType>(i)).name) return static_cast<WeightType>(i);
  return std::nullopt;
}

/** Bytes of a row of `cols` numbers, a multiple of the block. */
inline size_t row_bytes(WeightType type, int64_t cols) {
  const WeightFormat& format = format_of(type);
  return static_cast<size_t>(cols / format.block_size * format.block_bytes);
}

}  // namespace phi3lab
