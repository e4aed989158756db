// What a caller changes in a pass, made ready for the device: edits of intermediates, edges of attention that are cut,
// and functions that are called with an intermediate while the pass waits.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config.h"
#include "native/seam/backend.h"

namespace phi3lab {

// Whether what has this name within its layer, or outside the layers, is made within a half.
bool is_made_within(const std::string& part, Half half);

// Positions of a text: those of a rising list, or those in [from, to).
struct PositionChoice {
  std::optional<std::vector<int32_t>> list;
  int64_t from = 0, to = INT64_MAX;

  bool operator==(const PositionChoice& o) const { return list == o.list && from == o.from && to == o.to; }
};

// Is given an intermediate's rows (rows, cols) and the position of the first, and may change them.
using Hook = std::function<void(std::vector<float>& numbers, int64_t rows, int64_t position)>;

// One entry of a caller's list: an edit, or, with `hook`, a function.
struct EditRequest {
  std::string at;  // the intermediate's name
  EditOp op = EditOp::add;
  std::shared_ptr<Buffer> value;  // (value_rows, last - first) floats; null: none
  int64_t value_rows = 0;
  float scale = 1;
  int64_t first = 0, last = 0;  // columns
  PositionChoice positions;
  Hook hook;
};

// Edges of attention from queries to keys.
struct KnockOut {
  int64_t layer = 0;
  std::vector<int64_t> heads;
  PositionChoice from, to;

  bool operator==(const KnockOut& o) const {
    return layer == o.layer && heads == o.heads && from == o.from && to == o.to;
  }
};

struct EditRequests {
  std::vector<EditRequest> edits;  // in the order in which they are applied at a place
  std::vector<KnockOut> knock_outs;

  bool empty() const { return edits.empty() && knock_outs.empty(); }
  bool hooked() const;
};

class EditList {
 public:
  // Throws a sentence for a place that the model has not or that cannot be edited, and for sizes that do not fit.
  EditList(Backend& backend, const Config& config, EditRequests requests);

  // One number a list, never used again, for what is recorded of passes with it.
  int64_t id() const { return id_; }
  // Whether it does the same; of a list with functions never.
  bool same(const EditRequests& requests) const;
  bool hooked() const { return requests_.hooked(); }
  // Which halves of a layer it looks into.
  bool within(Half half, int64_t layer) const;
  // Edits what a verb has made, where there is something to edit at this name.
  void apply(Backend& backend, const char* name, int64_t layer, Tensor x, const PassInput& input, int64_t first) const;

  struct Blocked {
    const BlockedEdges* edges = nullptr;  // (count,), in the device's memory
    int64_t count = 0;
  };
  // The edges that are cut in a layer.
  Blocked blocked(int64_t layer) const;

 private:
  struct Entry {
    std::string part;  // a name within its layer, or of what is outside the layers
    RowEdit edit;
    const Hook* hook = nullptr;
  };
  const std::vector<Entry>& entries(int64_t layer) const { return entries_[static_cast<size_t>(layer + 1)]; }
  void call(Backend& backend, const Hook& hook, Tensor x, const PassInput& input, int64_t first) const;

  EditRequests requests_;
  std::vector<std::vector<Entry>> entries_;  // (1 + layers): outside the layers, then each layer's
  std::vector<Blocked> blocked_;             // (layers,)
  std::shared_ptr<Buffer> memory_;           // positions, heads and edges
  int64_t id_;
};

}  // namespace phi3lab
