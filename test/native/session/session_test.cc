// session_test [GENERATIONS]: a tiny model as the addon uses it, for ThreadSanitizer: generations on the session's own
// thread, aborted from this one at random moments, while its memory and its tensors are looked at; at last it is shut
// down in the midst of one. An aborted generation's tokens are the first of a whole one's, and the next one is whole.
//
// Prints "ok NAME" or "not ok NAME", then "done"; exit status 1 on failure.
#include "native/model/session.h"
#include "test/native/post.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <random>

using namespace phi3lab;

namespace {

std::mt19937_64 generator(20261125);
int failures = 0;

void report(const std::string& name, bool ok) {
  failures += !ok;
  std::printf("%s %s\n", ok ? "ok" : "not ok", name.c_str());
  std::fflush(stdout);
}

/** A random model of two layers in a file of its own. */
class TinyModel {
 public:
  TinyModel() {
    path_ = (std::filesystem::temp_directory_path() / ("phi3lab-session-" + std::to_string(std::random_device()())))
                .string();
    Config& c = request_.config;
    c.hidden_size = 48, c.intermediate_size = 88, c.num_hidden_layers = 2, c.num_attention_heads = 4;
    c.num_key_value_heads = 2, c.head_dim = 12, c.vocab_size = 211, c.max_position_embeddings = 256;
    c.rms_norm_eps = 1e-5f, c.rotary.dims = c.head_dim, c.windows = {0, 0};
    for (int i = 0; i < c.head_dim / 2; i++)
      c.rotary.frequencies.push_back(
          std::pow(10000.0f, -2.0f * static_cast<float>(i) / static_cast<float>(c.head_dim)));
    const AttentionShape shape = c.attention(0);
    add(Role::embed_tokens, -1, {c.vocab_size, c.hidden_size});
    for (int i = 0; i < 2; i++) {
      add(Role::input_layernorm, i, {c.hidden_size});
      add(Role::qkv_proj, i, {shape.qkv_cols(), c.hidden_size});
      add(Role::o_proj, i, {c.hidden_size, shape.context_cols()});
      add(Role::post_attention_layernorm, i, {c.hidden_size});
      add(Role::gate_up_proj, i, {2 * c.intermediate_size, c.hidden_size});
      add(Role::down_proj, i, {c.hidden_size, c.intermediate_size});
    }
    add(Role::norm, -1, {c.hidden_size});
    std::ofstream(path_, std::ios::binary)
        .write(reinterpret_cast<const char*>(numbers_.data()),
               static_cast<std::streamsize>(numbers_.size() * sizeof(float)));
    request_.device = "cpu";
    request_.files = {path_};
    request_.threads = 2;
  }
  ~TinyModel() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  TinyModel(const TinyModel&) = delete;
  TinyModel& operator=(const TinyModel&) = delete;
  const OpenRequest& request() const { return request_; }

 private:
  void add(Role role, int64_t layer, std::vector<int64_t> shape) {
    int64_t count = 1;
    for (int64_t size : shape) count *= size;
    const auto offset = static_cast<int64_t>(numbers_.size() * sizeof(float));
    request_.entries.push_back({role, layer, {{WeightType::F32, shape, 0, offset, 0, std::nullopt}}});
    std::normal_distribution<float> random(shape.size() == 1 ? 1.0f : 0.0f, 0.25f);
    for (int64_t i = 0; i < count; i++) numbers_.push_back(random(generator));
  }

  OpenRequest request_;
  std::vector<float> numbers_;
  std::string path_;
};

std::future<GreedyResult> generate(Session& session, int64_t prompt, int64_t count, const AbortRef& abort,
                                   std::function<void(int32_t, int64_t)> on_token = {}) {
  GreedyRequest request;
  request.on_token = std::move(on_token);
  for (int64_t i = 0; i < prompt; i++) request.ids.push_back(static_cast<int32_t>((7919 * i + 31) % 211));
  request.stopping.max_new_tokens = count;
  return post(session, [request, abort](Session& it) { return it.generate_greedy(request, abort); });
}

constexpr int64_t kPrompt = 40, kTokens = 30;

/** An abort at each token: the work ends there, with the tokens so far. */
void run_aborts_at_tokens(Session& session) {
  const auto whole = generate(session, kPrompt, kTokens, std::make_shared<AbortState>()).get().tokens;
  bool right = whole.size() == kTokens;
  for (int64_t last = 0; last < kTokens - 1; last++) {
    const auto abort = std::make_shared<AbortState>();
    const auto at_token = [abort, last](int32_t, int64_t index) {
      if (index == last) abort->aborted = true;
    };
    const GreedyResult result = generate(session, kPrompt, kTokens, abort, at_token).get();
    right = right && result.aborted && result.tokens.size() == static_cast<size_t>(last) + 1 &&
            std::equal(result.tokens.begin(), result.tokens.end(), whole.begin());
  }
  report("a generation that is aborted at a token ends with that token", right);
}

void run_aborts(Session& session, int generations) {
  const auto start = std::chrono::steady_clock::now();
  const auto whole = generate(session, kPrompt, kTokens, std::make_shared<AbortState>()).get().tokens;
  const auto time = std::chrono::steady_clock::now() - start;
  int wrong = 0, aborted = 0;
  for (int n = 0; n < generations; n++) {
    const auto abort = std::make_shared<AbortState>();
    auto running = generate(session, kPrompt, kTokens, abort);
    std::this_thread::sleep_for(time * std::uniform_real_distribution<double>(0, 1.2)(generator));
    abort->aborted = true;
    try {
      const GreedyResult result = running.get();
      aborted += result.aborted;
      wrong += result.aborted == (result.tokens.size() == whole.size());
      wrong += !std::equal(result.tokens.begin(), result.tokens.end(), whole.begin());
    } catch (const Aborted&) {  // before it began
      aborted++;
    }
    if (n % 10 == 0) wrong += generate(session, kPrompt, kTokens, std::make_shared<AbortState>()).get().tokens != whole;
  }
  report(std::to_string(generations) + " generations, " + std::to_string(aborted) + " of them aborted, are right",
         wrong == 0 && whole.size() == kTokens);
}

/** What JavaScript's thread may ask while the session's works: here the first pass, for which memory grows. */
void run_questions(Session& session) {
  const CacheRef early = session.make_cache();  // the session's first: the backend's memory for attention comes with it
  const std::vector<int32_t> ids = {5, 77, 130, 9};
  auto first = post(session, [&](Session& it) {
    return it.forward({ids, early, nullptr, 0, 0, {}, {}}, std::make_shared<AbortState>());
  });
  bool all = session.size_of(*early).capacity == 256;
  auto running = generate(session, 100, 100, std::make_shared<AbortState>());
  for (int n = 0; n < 100; n++) {
    const CacheRef cache = session.make_cache();
    all = all && session.memory().weights > 0 && session.size_of(*cache).capacity == 256;
    session.worker().post([&session, cache] { session.drop(*cache); });
    session.memory();
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  running.get();
  first.get();
  all = all && early->length == 4 && session.size_of(*early).bytes > 0;
  report("memory is looked at, and caches come and go, while a generation runs", all);
}

void run_tensors(Session& session) {
  const std::vector<int32_t> ids = {5, 77, 130, 9};
  const auto abort = std::make_shared<AbortState>();
  const auto hidden =
      post(session, [&](Session& it) { return it.forward({ids, nullptr, nullptr, 0, 0, {}, {}}, abort); }).get();
  auto running = generate(session, 40, 30, std::make_shared<AbortState>());
  bool finite = true;
  for (int n = 0; n < 50; n++) {
    std::vector<float> numbers(static_cast<size_t>(hidden.last_hidden_state->size()));
    session.read(numbers.data(), *hidden.last_hidden_state, 0, static_cast<int64_t>(numbers.size()));
    session.upload(numbers.data(), {4, 48});
    for (float x : numbers) finite = finite && std::isfinite(x);
  }
  running.get();
  report("tensors are read and made while a generation runs", finite);
}

}  // namespace

int main(int count, char** values) {
  const int generations = count > 1 ? std::atoi(values[1]) : 1000;
  const TinyModel model;
  const auto open = [&](Session& session) {
    post(session, [&](Session& it) { it.open(model.request(), std::make_shared<AbortState>(), {}); }).get();
  };
  {
    Session session;
    open(session);
    run_questions(session);
    run_aborts_at_tokens(session);
    run_aborts(session, generations);
    run_tensors(session);
    post(session, [](Session& it) { it.dispose(); }).get();
  }
  for (int n = 0; n < 10; n++) {
    Session session, other;
    open(session), open(other);
    auto one = generate(session, 200, 56, std::make_shared<AbortState>());
    auto two = generate(other, 200, 56, std::make_shared<AbortState>());
    std::this_thread::sleep_for(std::chrono::milliseconds(n));
  }
  report("two models at once are shut down in the midst of their work", true);
  std::printf("done\n");
  return failures ? 1 : 0;
}
