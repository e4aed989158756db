// The intermediates of a pass that comes in chunks, each gathered into one tensor of all its rows.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "session.h"

namespace phi3lab {

class TapCollector {
 public:
  using Make = std::function<TensorRef(std::vector<int64_t>)>;
  // `tokens` rows in all, `positions` seen by the last; `make` allocates. Throws for rows and heads that are not there.
  TapCollector(Backend& backend, const TapRequests& wanted, int64_t tokens, int64_t positions, int64_t heads,
               Make make);

  // Which halves of a layer it looks into.
  bool within(Half half, int64_t layer) const;

  // Where a layer's attention weights in a chunk of `count` tokens go: to their tensor where all are wanted, else to
  // scratch memory of which `receive` copies the wanted rows; null: they are not.
  AttentionWeights weights(int64_t layer, int64_t count);

  // Copies the rows that are wanted of what a verb made behind those of earlier chunks.
  void receive(const char* name, int64_t layer, Tensor view);
  // The first `rows` rows are there: the next chunk's begin behind them.
  void advance(int64_t rows) { first_ = rows; }
  // What was gathered; throws the first wanted name that no verb made.
  std::unordered_map<std::string, TensorRef> take();

 private:
  // Calls copy(first row of the chunk, first row of what is kept, count) for each run of the chunk's wanted rows.
  template <class Copy>
  void each_run(const TapRequest& request, int64_t count, const Copy& copy) const;
  void receive_weights(const TapRequest& request, const Tensor& view, const DeviceTensor& kept);
  const TensorRef& make(const std::string& name, const TapRequest& request, int64_t cols, bool attention);

  Backend& backend_;
  const TapRequests& wanted_;
  std::vector<std::pair<int64_t, std::string>> places_;  // the wanted names, as layer, -1 outside, and part
  int64_t tokens_, positions_, heads_;
  Make make_;
  int64_t first_ = 0;  // row of the chunk under way
  TensorRef scratch_;  // attention weights of a chunk: (heads, tokens, positions)
  std::unordered_map<std::string, TensorRef> taps_;
};

}  // namespace phi3lab
