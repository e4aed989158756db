#include "rotary.h"

#include <cmath>

namespace phi3lab {

RotaryTables::RotaryTables(Backend& backend, const Config& config) : backend_(backend), config_(config) {
  table(Angles::usual);
  if (!config.unrotated.empty()) still();
}

// Each position's angles as transformers computes them: in float32 throughout.
std::vector<float> RotaryTables::numbers(Angles angles) const {
  const Rotary& rotary = config_.rotary;
  const bool usual = angles == Angles::usual;
  const std::vector<float>& frequencies = usual ? rotary.frequencies : rotary.long_frequencies;
  const int64_t half = rotary.dims / 2;
  int64_t positions = config_.max_position_embeddings;
  if (usual && vary()) positions = std::min(positions, rotary.long_from);
  std::vector<float> table(static_cast<size_t>(positions * rotary.dims));
  for (int64_t position = 0; position < positions; position++) {
    float* row = table.data() + position * rotary.dims;
    for (int64_t i = 0; i < half; i++) {
      const float phase = static_cast<float>(position) * frequencies[static_cast<size_t>(i)];
      row[i] = std::cos(phase) * rotary.factor;
      row[half + i] = std::sin(phase) * rotary.factor;
    }
  }
  return table;
}

Tensor RotaryTables::at(Table& table, Angles angles) {
  const int64_t dims = config_.rotary.dims;
  if (!table) {
    std::vector<float> values;
    if (&table == &still_) {
      for (int64_t position = 0; position < config_.max_position_embeddings; position++)
        for (float number : {1.0f, 0.0f}) values.insert(values.end(), static_cast<size_t>(dims / 2), number);
    } else {
      values = numbers(angles);
    }
    table = backend_.allocate(values.size() * sizeof(float));
    backend_.write(table->data, values.data(), table->bytes);
    bytes_ += table->bytes;
  }
  return {static_cast<float*>(table->data), static_cast<int64_t>(table->bytes / sizeof(float)) / dims, dims};
}

}  // namespace phi3lab
