// The id of the largest logit: ties, excluded ids, NaN, nothing left.
#include <limits>

#include "device.h"
#include "twin.h"

namespace phi3lab::ops {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Example {
  std::vector<float> logits;
  std::vector<int32_t> excluded;
};
using Make = std::function<Example(Random&, int64_t vocab)>;

/** Every vocabulary's examples; the answer is exact. Twice: what the first run leaves in scratch memory must not show.
 */
Verdict argmax(Bench& bench, int64_t vocab, const Make& make) {
  const Example e = make(bench.random, vocab);
  std::vector<int32_t> excluded = e.excluded;
  if (excluded.empty()) excluded.push_back(0);  // memory to point at
  const Guarded logits(bench.backend, 1, vocab, e.logits);
  const GuardedIds id(bench.backend, {-77}), beside(bench.backend, excluded);
  double wrong = 0;
  for (int run = 0; run < 2; run++) {
    bench.backend.argmax(id.data(), logits.tensor(), beside.data(), static_cast<int64_t>(e.excluded.size()));
    wrong += id.get()[0] != twin::argmax(e.logits, e.excluded);
  }
  logits.expect_kept(e.logits);
  return {wrong, 0};
}

std::vector<float> noise(Random& random, int64_t vocab) { return random.floats(vocab, -9, 9); }

}  // namespace

void argmax_cases(std::vector<Case>& table) {
  const std::vector<std::pair<const char*, Make>> examples = {
      {"random", [](Random& r, int64_t vocab) { return Example{noise(r, vocab), {}}; }},
      {"first",
       [](Random& r, int64_t vocab) {
         Example e{noise(r, vocab), {}};
         e.logits[0] = 99;
         return e;
       }},
      {"last",
       [](Random& r, int64_t vocab) {
         Example e{noise(r, vocab), {}};
         e.logits.back() = 99;
         return e;
       }},
      {"ties",
       [](Random& r, int64_t vocab) {
         Example e{noise(r, vocab), {}};
         for (int i = 0; i < 5; i++) e.logits[r.below(vocab)] = 99;
         return e;
       }},
      {"all equal", [](Random&, int64_t vocab) { return Example{std::vector<float>(vocab, -3), {}}; }},
      {"zeros of both signs",
       [](Random& r, int64_t vocab) {
         Example e{std::vector<float>(vocab, -1), {}};
         e.logits[r.below(vocab)] = -0.0f, e.logits[r.below(vocab)] = 0.0f;
         return e;
       }},
      {"the largest excluded",
       [](Random& r, int64_t vocab) {
         Example e{noise(r, vocab), {}};
         for (int i = 0; i < 8; i++) {
           const auto id = static_cast<int32_t>(r.below(vocab));
           e.logits[id] = static_cast<float>(90 + i);
           if (i != 3) e.excluded.push_back(id);
         }
         return e;
       }},
      {"64 excluded",
       [](Random& r, int64_t vocab) {
         Example e{noise(r, vocab), {}};
         for (int i = 0; i < 64; i++) e.excluded.push_back(static_cast<int32_t>(r.below(vocab)));
         return e;
       }},
      {"all minus infinity but one, which is excluded",
       [](Random& r, int64_t vocab) {
         Example e{std::vector<float>(vocab, -kInfinity), {static_cast<int32_t>(r.below(vocab))}};
         e.logits[e.excluded[0]] = 5;
         return e;
       }},
      {"infinity",
       [](Random& r, int64_t vocab) {
         Example e{noise(r, vocab), {}};
         e.logits[r.below(vocab)] = kInfinity, e.logits[r.below(vocab)] = kInfinity;
         return e;
       }},
      {"NaN",
       [](Random& r, int64_t vocab) {
         Example e{noise(r, vocab), {}};
         e.logits[r.below(vocab)] = NAN;
         return e;
       }},
      {"NaN behind the largest",
       [](Random& r, int64_t vocab) {
         Example e{noise(r, vocab), {}};
         e.logits[0] = kInfinity, e.logits.back() = NAN;
         return e;
       }},
  };
  for (int64_t vocab : {3, 211, 32064, 200000})
    for (const auto& [what, make] : examples)
      table.push_back({"argmax of " + std::to_string(vocab) + ": " + what, vocab <= 211,
                       [vocab = vocab, make = make](Bench& b) { return argmax(b, vocab, make); }});
  table.push_back({"argmax of 3: all excluded", true, [](Bench& b) {
                     return argmax(b, 3, [](Random& r, int64_t vocab) { return Example{noise(r, vocab), {2, 0, 1}}; });
                   }});
  table.push_back({"argmax of 40: all excluded", true, [](Bench& b) {
                     return argmax(b, 40, [](Random& r, int64_t vocab) {
                       Example e{noise(r, vocab), {}};
                       for (int32_t id = 39; id >= 0; id--) e.excluded.push_back(id);
                       return e;
                     });
                   }});
}

}  // namespace phi3lab::ops
