#include "formats.h"

#include <cstring>

namespace phi3lab::ops {
namespace {

double f16(const uint8_t* p) {
  const int bits = p[0] | p[1] << 8, exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double magnitude = exponent == 31  ? (fraction ? NAN : INFINITY)
                           : exponent == 0 ? std::ldexp(fraction, -24)
                                           : std::ldexp(1024 + fraction, exponent - 25);
  return bits >> 15 ? -magnitude : magnitude;
}

double f32(const uint8_t* p) {
  float f;
  std::memcpy(&f, p, 4);
  return static_cast<double>(f);
}

double bf16(const uint8_t* p) {
  const uint8_t bytes[4] = {0, 0, p[0], p[1]};
  return f32(bytes);
}

}  // namespace

uint16_t to_f16(float f) {
  const double x = round_to(std::fabs(static_cast<double>(f)), Dtype::float16);
  const int sign = std::signbit(f) ? 0x8000 : 0;
  if (x < std::ldexp(1, -14)) return static_cast<uint16_t>(sign | static_cast<int>(std::ldexp(x, 24)));
  int exponent;
  const double fraction = std::frexp(x, &exponent);  // in [1/2, 1)
  return static_cast<uint16_t>(sign | (exponent + 14) << 10 | (static_cast<int>(std::ldexp(fraction, 11)) - 1024));
}

uint16_t to_bf16(float f) {
  uint32_t bits;
  std::memcpy(&bits, &f, 4);
  return static_cast<uint16_t>(bits >> 16);
}

const Numbers& lookup(WeightType type, Dtype dtype) {
  static const auto make = [](double (*number)(const uint8_t*), Dtype kept) {
    Numbers all;
    for (int bits = 0; bits < 65536; bits++) {
      const uint8_t bytes[2] = {static_cast<uint8_t>(bits), static_cast<uint8_t>(bits >> 8)};
      all.push_back(round_to(number(bytes), kept));
    }
    return all;
  };
  static const Numbers f16s[] = {make(f16, Dtype::float32), make(f16, Dtype::bfloat16), make(f16, Dtype::float16)};
  static const Numbers bf16s[] = {make(bf16, Dtype::float32), make(bf16, Dtype::bfloat16), make(bf16, Dtype::float16)};
  return (type == WeightType::BF16 ? bf16s : f16s)[static_cast<int>(dtype)];
}

namespace {

double scale_of(const uint8_t* p) { return lookup(WeightType::F16, Dtype::float32)[p[0] | p[1] << 8]; }

}  // namespace

double number_at(WeightType type, const uint8_t* row, int64_t k) {
  const int i = static_cast<int>(k % 32);
  switch (type) {
    case WeightType::F32:
      return f32(row + 4 * k);
    case WeightType::F16:
      return f16(row + 2 * k);
    case WeightType::BF16:
      return bf16(row + 2 * k);
    case WeightType::Q4_0: {
      const uint8_t* b = row + k / 32 * 18;
      return scale_of(b) * ((i < 16 ? b[2 + i] % 16 : b[2 + i - 16] / 16) - 8);
    }
    case WeightType::Q4_1: {
      const uint8_t* b = row + k / 32 * 20;
      return scale_of(b) * (i < 16 ? b[4 + i] % 16 : b[4 + i - 16] / 16) + scale_of(b + 2);
    }
    case WeightType::Q8_0: {
      const uint8_t* b = row + k / 32 * 34;
      return scale_of(b) * static_cast<int8_t>(b[2 + i]);
    }
    case WeightType::Q6_K: {
      const uint8_t* b = row + k / 256 * 210;
      const int at = static_cast<int>(k % 256), half = at / 128, part = at % 128 / 32;
      const int byte = b[64 * half + part % 2 * 32 + i], low = part < 2 ? byte % 16 : byte / 16;
      const int high = b[128 + 32 * half + i] >> (2 * part) & 3;
      return scale_of(b + 208) * static_cast<int8_t>(b[192 + at / 16]) * (low + 16 * high - 32);
    }
  }
  return NAN;
}

void fill(Random& random, uint8_t* out, WeightType type, int64_t count, double size) {
  const auto most = static_cast<float>(size * 1.7320508);  // uniform in ± √3 · size: root mean square `size`
  const auto put16 = [&](uint8_t* at, uint16_t bits) { std::memcpy(at, &bits, 2); };
  const int64_t bytes = format_of(type).block_bytes;
  for (int64_t n = 0; n < count; n++, out += bytes) {
    if (type == WeightType::F32) {
      const float f = random.uniform(-most, most);
      std::memcpy(out, &f, 4);
    } else if (type == WeightType::BF16) {
      put16(out, to_bf16(random.uniform(-most, most)));
    } else if (type == WeightType::F16) {
      put16(out, to_f16(random.uniform(-most, most)));
    } else {
      for (int64_t i = 0; i < bytes; i++) out[i] = static_cast<uint8_t>(random.next());
      const auto scale = static_cast<float>(size) * random.uniform(0.5f, 1.5f) * (random.below(2) ? 1.0f : -1.0f);
      if (type == WeightType::Q4_0) put16(out, to_f16(scale / 4.6f));
      if (type == WeightType::Q4_1) put16(out, to_f16(scale / 4.6f)), put16(out + 2, to_f16(scale / 4.6f * -7.5f));
      if (type == WeightType::Q8_0) put16(out, to_f16(scale / 74.0f));
      if (type == WeightType::Q6_K) put16(out + 208, to_f16(scale / 1370.0f));
    }
  }
}

}  // namespace phi3lab::ops
