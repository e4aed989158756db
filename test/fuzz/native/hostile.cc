#include "hostile.h"

#include <cmath>
#include <limits>

namespace phi3lab {

int64_t Random::odd_integer() {
  static const int64_t kOdd[] = {0,         1,         -1,        2,         3,         7,         8,
                                 31,        32,        33,        255,       256,       257,       1024,
                                 4096,      65536,     1 << 20,   1 << 24,   INT32_MAX, INT32_MIN, INT64_MAX,
                                 INT64_MIN, 1LL << 32, 1LL << 40, 1LL << 52, 1LL << 62, -8,        -(1LL << 40)};
  if (one_in(3)) return below(64);
  return kOdd[below(static_cast<int64_t>(std::size(kOdd)))];
}

float Random::odd_float() {
  static const float kOdd[] = {0,   1,     -1,       0.5f,      1e-30f,   1e30f,         1e-45f,
                               NAN, -0.0f, INFINITY, -INFINITY, 65504.0f, 3.4028235e38f, 1e-5f};
  return kOdd[below(static_cast<int64_t>(std::size(kOdd)))];
}

std::vector<uint8_t> Random::bytes(size_t count) {
  std::vector<uint8_t> made(count);
  const int64_t kind = below(6);
  for (uint8_t& byte : made)
    byte = kind >= 4   ? (one_in(4) ? 0xbc : 0x3c)  // numbers of every format about 1, so that the scores are finite
           : kind == 0 ? static_cast<uint8_t>(below(256))
           : kind == 1 ? static_cast<uint8_t>(below(8) ? 0 : below(256))
           : kind == 2 ? 0xff
                       : static_cast<uint8_t>(one_in(50) ? below(256) : 0x3c);
  return made;
}

namespace {

constexpr int kTypes = kWeightTypes;

struct Maker {
  Random& random;
  OpenRequest& request;
  int64_t file_bytes;

  WeightType type_for(int64_t cols) {
    for (;;) {
      const auto type = static_cast<WeightType>(random.below(kTypes));
      if (cols % format_of(type).block_size == 0) return type;
    }
  }

  // Where so many bytes lie in the file, at a place that every format takes.
  int64_t place(int64_t bytes) { return bytes >= file_bytes ? 0 : random.below((file_bytes - bytes) / 8 + 1) * 8; }

  StoredMatrix floats(int64_t rows, int64_t cols) {
    const auto type = static_cast<WeightType>(random.below(3));
    return {type, rows, cols, 0, place(static_cast<int64_t>(row_bytes(type, cols)) * rows)};
  }

  void add(Role role, int64_t layer, std::vector<int64_t> shape, bool is_norm = false) {
    const int64_t cols = shape.back(), rows = shape.size() == 1 ? 1 : shape[0];
    WeightPart part;
    part.type = is_norm || shape.size() == 1 ? static_cast<WeightType>(random.below(3)) : type_for(cols);
    part.shape = std::move(shape);
    part.file = 0;
    size_t stride = row_bytes(part.type, cols);
    if (random.one_in(3)) {
      Conversion conversion;
      const int64_t kind = random.below(3);
      conversion.stored = kind == 0   ? StoredFormat{StoredFormat::Only::F64}
                          : kind == 1 ? StoredFormat{StoredFormat::Only::F8_E4M3}
                                      : StoredFormat{StoredFormat::Only::none, type_for(cols)};
      part.type = static_cast<WeightType>(random.below(3));
      stride = conversion.stored.row_bytes(cols);
      if (part.shape.size() == 2 && random.one_in(2)) {
        const int64_t down = random.one_in(2) ? 1 : rows, across = random.one_in(2) ? 1 : cols;
        conversion.scales = Scales{floats(rows / down, cols / across), down, across};
      }
      if (part.shape.size() == 2 && random.one_in(2)) {
        const int64_t rank = 1 + random.below(4), first = random.below(rows), some = 1 + random.below(rows - first);
        conversion.added.push_back({first, floats(rank, cols), floats(some, rank), random.odd_float()});
      }
      part.conversion = conversion;
    }
    part.offset = place(static_cast<int64_t>(stride) * rows);
    request.entries.push_back({role, layer, {part}});
  }
};

// Changes one thing of a request.
void change(Random& random, OpenRequest& request) {
  Config& c = request.config;
  std::vector<int64_t*> numbers = {
      &c.hidden_size, &c.intermediate_size, &c.num_hidden_layers,       &c.num_attention_heads, &c.num_key_value_heads,
      &c.head_dim,    &c.vocab_size,        &c.max_position_embeddings, &c.rotary.dims,         &c.rotary.long_from};
  WeightEntry& entry = random.pick(request.entries);
  switch (random.below(16)) {
    case 0:
      *random.pick(numbers) = random.odd_integer();
      return;
    case 1:
      c.rms_norm_eps = random.odd_float();
      return;
    case 2:
      c.rotary.factor = random.odd_float();
      return;
    case 3:
      if (!c.rotary.frequencies.empty()) random.pick(c.rotary.frequencies) = random.odd_float();
      return;
    case 4:
      c.rotary.frequencies.resize(static_cast<size_t>(random.below(70)));
      return;
    case 5:
      c.rotary.long_frequencies.resize(static_cast<size_t>(random.below(70)));
      return;
    case 6:
      c.windows.resize(static_cast<size_t>(random.below(6)), random.odd_integer());
      return;
    case 7:
      if (!c.windows.empty()) random.pick(c.windows) = random.odd_integer();
      return;
    case 8:
      c.unrotated.push_back(random.odd_integer());
      return;
    case 9:
      entry.layer = random.odd_integer();
      return;
    case 10:
      entry.role = static_cast<Role>(random.below(static_cast<int64_t>(std::size(kRoleNames))));
      return;
    case 11:
      request.entries.erase(request.entries.begin() + random.below(static_cast<int64_t>(request.entries.size())));
      break;
    case 12:
      entry.parts.push_back(entry.parts.empty() ? WeightPart{} : entry.parts[0]);
      return;
    case 13:
      request.threads = static_cast<int>(random.below(5)) - 1;
      return;
    case 14:
      request.files = random.one_in(2) ? std::vector<std::string>{} : std::vector<std::string>{"/nowhere", "/dev/null"};
      return;
    default:
      break;
  }
  if (request.entries.empty()) return;
  WeightEntry& other = random.pick(request.entries);
  if (other.parts.empty()) return;
  WeightPart& part = random.pick(other.parts);
  switch (random.below(9)) {
    case 0:
      part.offset = random.odd_integer();
      return;
    case 1:
      part.file = random.odd_integer();
      return;
    case 2:
      part.interleaved_heads = random.odd_integer();
      return;
    case 3:
      part.type = static_cast<WeightType>(random.below(kTypes));
      return;
    case 4:
      part.shape.resize(static_cast<size_t>(random.below(4)), random.odd_integer());
      return;
    case 5:
      if (!part.shape.empty()) random.pick(part.shape) = random.odd_integer();
      return;
    default:
      break;
  }
  if (!part.conversion) return;
  Conversion& conversion = *part.conversion;
  std::vector<StoredMatrix*> read;
  if (conversion.scales) {
    read.push_back(&conversion.scales->values);
    if (random.one_in(2)) conversion.scales->block_rows = random.odd_integer();
    if (random.one_in(2)) conversion.scales->block_cols = random.odd_integer();
  }
  for (LowRank& one : conversion.added) {
    read.push_back(&one.a), read.push_back(&one.b);
    if (random.one_in(2)) one.first = random.odd_integer();
  }
  if (read.empty()) return;
  StoredMatrix& matrix = *random.pick(read);
  std::vector<int64_t*> sizes = {&matrix.rows, &matrix.cols, &matrix.file, &matrix.offset};
  *random.pick(sizes) = random.odd_integer();
  if (random.one_in(4)) matrix.type = static_cast<WeightType>(random.below(kTypes));
}

}  // namespace

OpenRequest hostile_model(Random& random, const std::string& file, int64_t file_bytes, int64_t changes) {
  OpenRequest request;
  request.device = "cpu";
  request.files = {file};
  request.threads = 1 + static_cast<int>(random.below(2));
  request.kv_dtype = random.one_in(4) ? "float16" : "float32";
  Config& c = request.config;
  c.num_key_value_heads = 1 + random.below(3);
  c.num_attention_heads = c.num_key_value_heads * (1 + random.below(3));
  c.head_dim = 2 * (1 + random.below(20));
  // Some whose rows are whole blocks of every format.
  c.hidden_size = random.one_in(3) ? 256 : random.one_in(2) ? 32 * (1 + random.below(3)) : 1 + random.below(70);
  c.intermediate_size = random.one_in(3) ? 256 : 1 + random.below(90);
  c.num_hidden_layers = 1 + random.below(2);
  c.vocab_size = 1 + random.below(80);
  c.max_position_embeddings = 1 + random.below(64);
  c.rms_norm_eps = 1e-5f;
  c.rotary.dims = 2 * (1 + random.below(c.head_dim / 2));
  c.rotary.frequencies.assign(static_cast<size_t>(c.rotary.dims / 2), 0.1f);
  if (random.one_in(4)) {
    c.rotary.long_frequencies.assign(static_cast<size_t>(c.rotary.dims / 2), 0.01f);
    c.rotary.long_from = 1 + random.below(40);
  }
  for (int64_t i = 0; i < c.num_hidden_layers; i++) c.windows.push_back(random.one_in(2) ? 0 : random.below(40));
  const AttentionShape shape = c.attention(0);
  Maker make{random, request, file_bytes};
  make.add(Role::embed_tokens, -1, {c.vocab_size, c.hidden_size});
  for (int64_t i = 0; i < c.num_hidden_layers; i++) {
    make.add(Role::input_layernorm, i, {c.hidden_size}, true);
    make.add(Role::qkv_proj, i, {shape.qkv_cols(), c.hidden_size});
    make.add(Role::o_proj, i, {c.hidden_size, shape.context_cols()});
    make.add(Role::post_attention_layernorm, i, {c.hidden_size}, true);
    make.add(Role::gate_up_proj, i, {2 * c.intermediate_size, c.hidden_size});
    make.add(Role::down_proj, i, {c.hidden_size, c.intermediate_size});
    if (random.one_in(3)) make.add(Role::qkv_bias, i, {shape.qkv_cols()}, true);
    if (random.one_in(3)) {
      make.add(Role::q_norm, i, {c.head_dim}, true);
      make.add(Role::k_norm, i, {c.head_dim}, true);
    }
  }
  make.add(Role::norm, -1, {c.hidden_size}, true);
  if (random.one_in(2)) make.add(Role::lm_head, -1, {c.vocab_size, c.hidden_size});
  for (int64_t i = 0; i < changes && !request.entries.empty(); i++) change(random, request);
  return request;
}

}  // namespace phi3lab
