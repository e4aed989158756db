// Layouts that pass between two fused verbs: whoever else is given one throws, and names the verbs that belong
// together.
#include <functional>
#include <stdexcept>

#include "device.h"
#include "table.h"
#include "weights.h"

namespace phi3lab::ops {
namespace {

struct Reader {
  const char* verb;
  std::function<void(Tensor)> read;
};

/** Throws unless `read` refuses with an error that holds all of `words`. */
void expect_refused(const std::function<void()>& read, const std::vector<std::string>& words) {
  try {
    read();
  } catch (const std::logic_error& error) {
    for (const std::string& word : words)
      if (std::string(error.what()).find(word) == std::string::npos)
        throw std::runtime_error("expected " + word + " in: " + error.what());
    return;
  }
  throw std::runtime_error(words.front() + " read what was not written for it");
}

Verdict layouts(Bench& bench) {
  Backend& b = bench.backend;
  const int64_t size = 64;
  const AttentionShape heads{2, 1, 16, 0, 0.25f};  // qkv (1, 64), context (1, 32)
  const TestNorm norm(bench.random, size);
  const TestWeight weight(bench.random, {{WeightType::F32, size}}, size, 0.1);
  const auto uploaded_norm = b.upload_weight(norm.source(), WeightKind::norm);
  const auto uploaded_weight = b.upload_weight(weight.source(), WeightKind::projection);
  const auto cache = b.reserve_cache(heads, 1, 4);
  cache->commit(1);
  DevicePass pass(b, 1);
  const PassInput input = pass.at(0, 1);
  const Guarded out(b, 1, size), scratch(b, 1, size), memory(b, 1, 2 * size), table(b, 4, heads.head_dim);
  const GuardedIds id(b, {0});
  const Tensor to = out.tensor(), between = scratch.tensor();
  const std::vector<Reader> readers = {
      {"rms_norm", [&](Tensor in) { b.rms_norm(to, in, *uploaded_norm, 1e-5f); }},
      {"matmul", [&](Tensor in) { b.matmul(to, in, *uploaded_weight); }},
      {"rope", [&](Tensor in) { b.rope(in, input, table.tensor(), heads); }},
      {"append", [&](Tensor in) { b.append(*cache, in, input, 0, heads); }},
      {"attend",
       [&](Tensor in) {
         Tensor context{to.data, 1, heads.context_cols()};
         b.attend(context, {}, in, *cache, input, table.tensor(), 0, heads);
       }},
      {"project_residual", [&](Tensor in) { b.project_residual(to, between, in, *uploaded_weight, 0); }},
      {"swiglu", [&](Tensor in) { b.swiglu({to.data, 1, size / 2}, in); }},
      {"down_residual", [&](Tensor in) { b.down_residual(to, between, in, *uploaded_weight, 0); }},
      {"add", [&](Tensor in) { b.add(to, in, to); }},
      {"add", [&](Tensor in) { b.add(to, to, in); }},
      {"argmax", [&](Tensor in) { b.argmax(id.data(), in, nullptr, 0); }},
      {"copy", [&](Tensor in) { b.copy(to, in); }},
      {"tap",
       [&](Tensor in) {
         const Tapping tapping(b);
         b.tap("self_attn.context", 0, in);
       }},
  };
  struct Pair {
    Layout layout;
    const char *writer, *reader;
  };
  for (const Pair& pair : {Pair{Layout::unrotated_qkv, "norm_qkv_rope_append", "attend"},
                           {Layout::half_qkv, "norm_qkv_rope_append", "attend"},
                           {Layout::half_context, "attend", "project_residual"},
                           {Layout::half_activation, "norm_gate_up_swiglu", "down_residual"},
                           {Layout::gate_up, "norm_gate_up_swiglu", "down_residual"}})
    for (const Reader& reader : readers)
      if (std::string(reader.verb) != pair.reader)
        expect_refused([&] { reader.read({memory.tensor().data, 1, size, pair.layout}); },
                       {"[" + std::string(reader.verb) + "]", pair.writer, pair.reader});
  return {0, 0};
}

/** The forward pass's own verbs, one left out: what norm_gate_up_swiglu leaves of a token waits for down_residual. */
Verdict left_out(Bench& bench) {
  Backend& b = bench.backend;
  const TestNorm norm(bench.random, 64);
  const TestWeight gate_up(bench.random, {{WeightType::F32, 64}}, 64, 0.1);
  const auto uploaded_norm = b.upload_weight(norm.source(), WeightKind::norm);
  const auto uploaded = b.upload_weight(gate_up.source(), WeightKind::projection);
  const Guarded hidden(b, 1, 64, bench.random.floats(64, -1, 1)), normed(b, 1, 64), stacked(b, 1, 64),
      activation(b, 1, 32);
  Tensor between = activation.tensor();
  b.norm_gate_up_swiglu(between, normed.tensor(), stacked.tensor(), hidden.tensor(), *uploaded_norm, *uploaded, 0,
                        1e-5f);
  expect_refused([&] { b.add(hidden.tensor(), hidden.tensor(), between); },
                 {"[add]", "norm_gate_up_swiglu", "down_residual"});
  b.discard();
  return {0, 0};
}

}  // namespace

void order_cases(std::vector<Case>& table) {
  table.push_back({"a layout given to another verb than its reader", true, layouts});
  table.push_back({"an activation that down_residual does not read", true, [](Bench& b) {
                     return b.cuda ? Verdict{0, 0} : left_out(b);  // a GPU computes it at once
                   }});
}

}  // namespace phi3lab::ops
