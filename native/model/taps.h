// The intermediates of a pass that comes in chunks, each gathered into one tensor of all its rows.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "session.h"

namespace phi3lab {

class TapCollector {
 public:
  using Make = std::function<TensorRef(std::vector<int64_t>)>;
  // `tokens` rows of each in all, `positions` seen by the last; `make` allocates.
  TapCollector(Backend& backend, const std::unordered_set<std::string>& wanted, int64_t tokens, int64_t positions,
               int64_t heads, Make make);

  // Copies what a verb made, where it is wanted, behind the rows of earlier chunks.
  void receive(const char* name, int64_t layer, Tensor view);
  // The first `rows` rows are there: the next chunk's begin behind them.
  void advance(int64_t rows) { first_ = rows; }
  // What was gathered; throws the first wanted name that no verb made.
  std::unordered_map<std::string, TensorRef> take();

 private:
  TensorRef make(const std::string& name, const Tensor& view, bool attention);

  Backend& backend_;
  const std::unordered_set<std::string>& wanted_;
  int64_t tokens_, positions_, heads_;
  Make make_;
  int64_t first_ = 0;  // row of the chunk under way
  std::unordered_map<std::string, TensorRef> taps_;
};

}  // namespace phi3lab
