#include "calls.h"

#include <algorithm>
#include <functional>
#include <iterator>

#include "test/native/post.h"

namespace phi3lab {
namespace {

// Tokens after which a generation whose end lies nowhere near is aborted.
constexpr int64_t kEnough = 100;

}  // namespace

int32_t Caller::id() {
  // A configuration that was refused may say any number.
  const int64_t vocab = std::max<int64_t>(1, session_.config().vocab_size);
  return static_cast<int32_t>(random_.one_in(400) ? random_.odd_integer() : random_.below(vocab));
}

std::vector<int32_t> Caller::ids() {
  // Mostly fewer than the context has room for.
  const int64_t room = std::clamp<int64_t>(session_.config().max_position_embeddings / 2, 1, 40);
  std::vector<int32_t> ids(static_cast<size_t>(random_.one_in(20) ? random_.below(80) : 1 + random_.below(room)));
  for (int32_t& one : ids) one = id();
  return ids;
}

int64_t Caller::number(int64_t below, int64_t odd_in) {
  return random_.one_in(odd_in) ? random_.odd_integer() : random_.below(below);
}

PositionChoice Caller::positions() {
  PositionChoice choice;
  if (random_.one_in(2)) {
    choice.list = std::vector<int32_t>();
    for (int32_t at = 0; random_.one_in(2); at += static_cast<int32_t>(random_.one_in(20) ? 0 : 1 + random_.below(20)))
      choice.list->push_back(at);
  } else if (random_.one_in(3)) {
    choice.from = number(8, 20), choice.to = random_.one_in(20) ? random_.odd_integer() : 8 + random_.below(40);
  }
  return choice;
}

EditRequests Caller::edits() {
  static const char* kPlaces[] = {"model.layers.0",
                                  "model.embed_tokens",
                                  "model.norm",
                                  "model.layers.0.input_layernorm",
                                  "model.layers.0.self_attn.qkv_proj",
                                  "model.layers.0.self_attn.rotary",
                                  "model.layers.0.self_attn.context",
                                  "model.layers.0.self_attn.o_proj",
                                  "model.layers.0.post_attention_layernorm",
                                  "model.layers.0.mlp.gate_up_proj",
                                  "model.layers.0.mlp.activation_fn",
                                  "model.layers.0.mlp.down_proj"};
  static const char* kWrong[] = {"model.layers.0.self_attn.attn_weights", "model.layers.99999999999", "x", ""};
  EditRequests edits;
  if (random_.one_in(2)) return edits;
  while (!random_.one_in(3)) {
    EditRequest edit;
    edit.at = random_.one_in(30) ? kWrong[random_.below(static_cast<int64_t>(std::size(kWrong)))]
                                 : kPlaces[random_.below(static_cast<int64_t>(std::size(kPlaces)))];
    edit.op = static_cast<EditOp>(random_.below(4));
    edit.scale = random_.odd_float();
    edit.first = number(3, 30);
    edit.last = random_.one_in(30) ? random_.odd_integer() : 1 + random_.below(8);
    edit.value_rows = random_.one_in(4) ? number(4) : 1;
    if (const TensorRef value = tensor(); value && !random_.one_in(8))
      edit.value = value->buffer;
    else if (!random_.one_in(10))
      edit.op = EditOp::multiply;
    edit.positions = positions();
    if (random_.one_in(8)) {
      const bool fails = random_.one_in(3);
      edit.hook = [fails](std::vector<float>& numbers, int64_t, int64_t) {
        if (fails) throw std::runtime_error("[hook] The function failed");
        for (float& one : numbers) one *= 2;
      };
    }
    edits.edits.push_back(edit);
  }
  while (random_.one_in(3)) {
    KnockOut cut;
    cut.layer = number(2, 10);
    while (random_.one_in(2)) cut.heads.push_back(number(2, 20));
    cut.from = positions(), cut.to = positions();
    edits.knock_outs.push_back(cut);
  }
  edited_ = !edits.empty();
  return edits;
}

Stopping Caller::stopping() {
  Stopping stopping;
  stopping.max_new_tokens = number(12);
  stopping.min_new_tokens = number(4);
  for (int64_t i = random_.one_in(10) ? 100 : random_.below(3); i > 0; i--)
    stopping.eos.push_back(random_.one_in(4) ? static_cast<int32_t>(random_.odd_integer()) : id());
  return stopping;
}

CacheRef Caller::cache() {
  if (caches_.empty() || random_.one_in(3)) caches_.push_back(session_.make_cache());
  return random_.pick(caches_);
}

TensorRef Caller::tensor() { return tensors_.empty() ? nullptr : random_.pick(tensors_); }

void Caller::forward(const AbortRef& abort) {
  static const char* kTaps[] = {"model.embed_tokens",
                                "model.layers.0",
                                "model.layers.0.self_attn.attn_weights",
                                "model.layers.1.self_attn.attn_weights",
                                "model.layers.0.self_attn.rotary",
                                "model.layers.0.mlp.activation_fn",
                                "model.norm"};
  ForwardRequest request;
  request.ids = ids();
  if (random_.one_in(4)) request.embeds = tensor();
  while (random_.one_in(3)) {
    TapRequest tap;
    if (random_.one_in(3)) tap.rows = std::vector<int64_t>{random_.below(2), number(20, 10)};
    if (random_.one_in(3)) tap.heads = std::vector<int64_t>{number(2, 10)};
    if (random_.one_in(20)) request.taps["x"] = tap;
    request.taps[kTaps[random_.below(static_cast<int64_t>(std::size(kTaps)))]] = tap;
  }
  if (!random_.one_in(3)) request.cache = cache();
  request.length = random_.one_in(6) ? random_.odd_integer() : 0;
  request.layers = random_.one_in(4) ? number(3) : 0;
  request.edits = edits();
  const ForwardResult result = post(session_, [=](Session& it) { return it.forward(request, abort); }).get();
  keep(result.last_hidden_state);
  for (const auto& [name, tensor] : result.taps) keep(tensor);
}

void Caller::lm_head(const AbortRef& abort) {
  const TensorRef hidden = tensor();
  if (!hidden) return;
  const int64_t start = number(2), rows = random_.one_in(2) ? 1 : number(3);
  keep(post(session_, [=](Session& it) { return it.lm_head(hidden, start, rows, abort); }).get());
}

void Caller::apply(const AbortRef& abort) {
  const TensorRef input = tensor();
  if (!input) return;
  const std::optional<Role> role =
      random_.one_in(8) ? std::nullopt
                        : std::optional(static_cast<Role>(random_.below(static_cast<int64_t>(std::size(kRoleNames)))));
  const int64_t layer = number(2), start = number(2), rows = random_.one_in(3) ? random_.odd_integer() : 1;
  keep(post(session_, [=](Session& it) { return it.apply(role, layer, input, start, rows, abort); }).get());
}

void Caller::embed(const AbortRef& abort) {
  const std::vector<int32_t> given = ids();
  keep(post(session_, [=](Session& it) { return it.embed(given, abort); }).get());
}

void Caller::summarise(const AbortRef& abort) {
  SummaryRequest request;
  request.hidden = tensor();
  if (!request.hidden) return;
  request.start = number(2);
  request.rows = random_.one_in(2) ? 1 : number(20);
  request.norm = random_.one_in(2);
  request.k = number(6);
  request.group = random_.one_in(2) ? 0 : number(5);
  // As the addon does: as many for each row.
  if (request.rows > 0 && request.rows <= 40 && random_.one_in(2))
    for (int64_t i = request.rows * random_.below(4); i > 0; i--) request.tokens.push_back(id());
  post(session_, [=](Session& it) { return it.summarise(request, abort), 0; }).get();
}

void Caller::generate(const AbortRef& abort) {
  GreedyRequest request;
  request.ids = ids();
  request.use_cache = !random_.one_in(3);
  if (random_.one_in(3)) request.cache = random_.one_in(2) ? session_.make_cache() : cache();
  request.edits = edits();
  request.chunk = random_.one_in(6) ? random_.odd_integer() : 0;
  request.length = random_.one_in(6) ? random_.odd_integer() : 0;
  request.stopping = stopping();
  request.on_token = [abort](int32_t, int64_t index) {
    if (index >= kEnough) abort->aborted = true;
  };
  post(session_, [=](Session& it) { return it.generate_greedy(request, abort); }).get();
}

void Caller::generate_several(const AbortRef& abort) {
  GreedyBatchRequest request;
  const bool short_context = session_.config().max_position_embeddings <= 1024;
  for (int64_t i = random_.one_in(6) ? 40 : random_.below(5); i > 0; i--)
    request.texts.push_back(
        {ids(), short_context ? number(12, 8) : random_.below(12), random_.one_in(4) ? cache() : nullptr});
  request.stopping = stopping();
  request.length = random_.one_in(6) ? random_.odd_integer() : 0;
  post(session_, [=](Session& it) { return it.generate_greedy(request, abort), 0; }).get();
}

void Caller::step(const AbortRef& abort) {
  StepRequest request;
  for (int64_t i = random_.one_in(6) ? 40 : random_.below(5); i > 0; i--) {
    request.caches.push_back(random_.one_in(8) ? cache() : session_.make_cache());
    if (!random_.one_in(100)) request.ids.push_back(id());
  }
  request.length = random_.one_in(6) ? random_.odd_integer() : 0;
  keep(post(session_, [=](Session& it) { return it.step(request, abort); }).get());
}

void Caller::copy_cache(const AbortRef& abort) {
  const CacheRef from = cache(), to = random_.one_in(4) ? cache() : session_.make_cache();
  if (to == from) return;  // as the addon refuses
  const int64_t length = random_.one_in(4) ? number(40) : from->length.load();
  post(session_, [=](Session& it) { return it.copy_cache(to, from, length, abort), 0; }).get();
  caches_.push_back(to);
}

void Caller::profile() {
  if (random_.one_in(2))
    post(session_, [](Session& it) { return it.start_profile(), 0; }).get();
  else
    post(session_, [](Session& it) { return it.stop_profile(), 0; }).get();
}

void Caller::upload() {
  const Config& config = session_.config();
  std::vector<int64_t> widths = {config.hidden_size, config.head_dim, config.intermediate_size, 1 + random_.below(40)};
  const int64_t cols = std::clamp<int64_t>(random_.pick(widths), 0, 512) * (1 + random_.below(2));
  const int64_t rows = random_.below(30);
  std::vector<float> numbers(static_cast<size_t>(rows * cols));
  for (float& one : numbers) one = random_.one_in(50) ? random_.odd_float() : 0.5f;
  keep(post(session_, [=](Session& it) { return it.upload(numbers.data(), {rows, cols}); }).get());
}

void Caller::read() {
  const TensorRef from = tensor();
  if (!from) return;
  const int64_t start = random_.one_in(6) ? random_.odd_integer() : 0;
  const int64_t count = random_.one_in(2) ? 1 : random_.odd_integer();
  post(session_, [=](Session& it) {
    // As the addon does, the room is made first.
    std::vector<float> out(static_cast<size_t>(count > 0 && count <= from->size() ? count : 0));
    it.read(out.data(), *from, start, count);
    return 0;
  }).get();
}

void Caller::drop_and_count() {
  if (random_.one_in(3) && !tensors_.empty()) {
    const TensorRef disposed = random_.pick(tensors_);
    post(session_, [=](Session&) { return disposed->buffer.reset(), 0; }).get();
  }
  if (random_.one_in(6)) session_.memory();
  const CacheRef one = cache();
  switch (random_.below(3)) {
    case 0:
      post(session_, [=](Session& it) { return it.drop(*one), 0; }).get();
      return;
    case 1:
      one->length = random_.below(one->length + 1);  // as a caller crops it
      return;
    default:
      session_.size_of(*one);
  }
}

void Caller::call(CallCounts& counts) {
  const auto abort = std::make_shared<AbortState>();
  if (random_.one_in(20)) abort->aborted = true;
  struct Kind {
    const char* name;
    int64_t weight;
    std::function<void()> run;
  };
  const Kind kinds[] = {{"forward", 4, [&] { forward(abort); }},
                        {"lm_head", 1, [&] { lm_head(abort); }},
                        {"apply", 1, [&] { apply(abort); }},
                        {"embed", 1, [&] { embed(abort); }},
                        {"summarise", 1, [&] { summarise(abort); }},
                        {"generate", 3, [&] { generate(abort); }},
                        {"generate several", 2, [&] { generate_several(abort); }},
                        {"step", 2, [&] { step(abort); }},
                        {"copy_cache", 1, [&] { copy_cache(abort); }},
                        {"profile", 1, [&] { profile(); }},
                        {"upload", 1, [&] { upload(); }},
                        {"read", 1, [&] { read(); }},
                        {"drop and count", 1, [&] { drop_and_count(); }}};
  int64_t all = 0;
  for (const Kind& kind : kinds) all += kind.weight;
  int64_t at = random_.below(all);
  for (const Kind& kind : kinds) {
    at -= kind.weight;
    if (at >= 0) continue;
    edited_ = false;
    bool answered = true;
    try {
      kind.run();
    } catch (const std::exception&) {
      answered = false;
    }
    CallCounts::Count& count = counts.kinds[std::string(kind.name) + (edited_ ? ", edited" : "")];
    count.calls++;
    if (answered) count.answered++;
    return;
  }
}

}  // namespace phi3lab
