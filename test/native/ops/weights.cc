#include "weights.h"

#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <random>

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

/** Float16's bits, rounding to nearest; small numbers become subnormal ones. */
uint16_t to_f16(float f) {
  const double x = round_to(std::fabs(static_cast<double>(f)), Dtype::float16);
  const int sign = std::signbit(f) ? 0x8000 : 0;
  if (x < std::ldexp(1, -14)) return static_cast<uint16_t>(sign | static_cast<int>(std::ldexp(x, 24)));
  int exponent;
  const double fraction = std::frexp(x, &exponent);  // in [1/2, 1)
  return static_cast<uint16_t>(sign | (exponent + 14) << 10 | (static_cast<int>(std::ldexp(fraction, 11)) - 1024));
}

uint16_t to_bf16(float f) {  // towards zero: any number will do
  uint32_t bits;
  std::memcpy(&bits, &f, 4);
  return static_cast<uint16_t>(bits >> 16);
}

/** All 65,536 numbers of a 16-bit file format, as kept in `dtype`: looked up, since large weights have many. */
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

double scale_of(const uint8_t* p) { return lookup(WeightType::F16, Dtype::float32)[p[0] | p[1] << 8]; }

/** Weight k of a row, by the formats' descriptions. */
double number(WeightType type, const uint8_t* row, int64_t k) {
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

/** Fills `count` blocks (numbers, of the float formats). A quantised number's root mean square is that of its parts. */
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

}  // namespace

TestWeight::TestWeight(Random& random, const std::vector<Part>& parts, int64_t cols, double size) {
  static std::atomic<int> files{0};
  static const std::string process = std::to_string(std::random_device()());
  path_ =
      (std::filesystem::temp_directory_path() / ("phi3lab-ops-" + process + "-" + std::to_string(files++))).string();
  source_.name = "test.weight";
  source_.cols = cols;
  const int64_t offset = random.below(4) == 0 ? 1 : 64;  // files promise no alignment
  std::vector<uint8_t> bytes(static_cast<size_t>(offset));
  std::vector<int64_t> starts;
  for (const Part& part : parts) {
    starts.push_back(static_cast<int64_t>(bytes.size()));
    const int64_t length = part.rows * row_bytes(part.type, cols);
    bytes.resize(bytes.size() + static_cast<size_t>(length));
    fill(random, bytes.data() + starts.back(), part.type, length / format_of(part.type).block_bytes, size);
  }
  std::ofstream(path_, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  file_ = std::make_unique<MappedFile>(path_);
  for (size_t i = 0; i < parts.size(); i++) {
    RowGroup group{parts[i].type, file_->data() + starts[i], parts[i].rows, {}};
    std::vector<int64_t> file_row(static_cast<size_t>(group.rows));
    std::iota(file_row.begin(), file_row.end(), 0);
    if (parts[i].permuted) {
      for (int64_t r = group.rows - 1; r > 0; r--) std::swap(file_row[r], file_row[random.below(r + 1)]);
      group.output_row.resize(file_row.size());
      for (size_t r = 0; r < file_row.size(); r++) group.output_row[file_row[r]] = static_cast<int32_t>(r);
    }
    rows_ += group.rows;
    file_row_.push_back(std::move(file_row));
    source_.groups.push_back(std::move(group));
  }
}

TestWeight::~TestWeight() {
  file_.reset();
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

bool TestWeight::quantised() const {
  return std::any_of(source_.groups.begin(), source_.groups.end(),
                     [](const RowGroup& group) { return format_of(group.type).block_size > 1; });
}

void TestWeight::row(double* out, int64_t row, Dtype dtype) const {
  size_t g = 0;
  for (; row >= source_.groups[g].rows; g++) row -= source_.groups[g].rows;
  const RowGroup& group = source_.groups[g];
  const auto* data = static_cast<const uint8_t*>(group.data) + file_row_[g][row] * row_bytes(group.type, cols());
  if (group.type == WeightType::F16 || group.type == WeightType::BF16) {
    const Numbers& table = lookup(group.type, dtype);
    for (int64_t k = 0; k < cols(); k++) out[k] = table[data[2 * k] | data[2 * k + 1] << 8];
    return;
  }
  // A number that its format computes is a float32 first.
  for (int64_t k = 0; k < cols(); k++) out[k] = round_to(round_to(number(group.type, data, k), Dtype::float32), dtype);
}

TestNorm::TestNorm(Random& random, int64_t cols, WeightType type) {
  for (int64_t k = 0; k < cols; k++) {
    const double x = round_to(static_cast<double>(random.uniform(0.5f, 2)), Dtype::bfloat16);  // 8 bits: exact in all
    const auto f = static_cast<float>(random.below(8) ? x : -x);
    numbers_.push_back(static_cast<double>(f));
    const uint16_t half = type == WeightType::F16 ? to_f16(f) : to_bf16(f);
    const size_t at = bytes_.size(), count = static_cast<size_t>(format_of(type).block_bytes);
    bytes_.resize(at + count);
    std::memcpy(&bytes_[at], type == WeightType::F32 ? static_cast<const void*>(&f) : &half, count);
  }
  source_.name = "test.norm";
  source_.cols = cols;
  source_.groups.push_back({type, bytes_.data(), 1, {}});
}

}  // namespace phi3lab::ops
