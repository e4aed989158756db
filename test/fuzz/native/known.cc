#include "known.h"

#include <fstream>
#include <functional>

#include "hostile.h"
#include "test/native/post.h"

namespace phi3lab {
namespace {

constexpr int64_t kFileBytes = 1 << 18;

// A model that loads; its shape is of no matter.
OpenRequest whole_model(const std::string& file) {
  Random random(1);
  std::ofstream(file, std::ios::binary | std::ios::trunc) << std::string(kFileBytes, '\0');
  return hostile_model(random, file, kFileBytes, 0);
}

// What is refused is refused with an exception.
template <class Work>
void ask(Session& session, Work work) {
  try {
    post(session, [=](Session& it) { return work(it), 0; }).get();
  } catch (const std::exception&) {
  }
}

AbortRef never() { return std::make_shared<AbortState>(); }

GreedyRequest generation() {
  GreedyRequest request;
  request.ids = {0};
  request.stopping.max_new_tokens = 2;
  return request;
}

}  // namespace

void known_faults(const std::string& file) {
  const OpenRequest whole = whole_model(file);
  Session session;
  post(session, [&](Session& it) { return it.open(whole, never(), {}), 0; }).get();

  // The rest of a generation whose length is the least of all integers overflowed.
  ask(session, [](Session& it) {
    GreedyRequest request = generation();
    request.length = INT64_MIN;
    it.generate_greedy(request, never());
  });
  // So did the end of one beside a prompt of nearly 2^63 tokens.
  ask(session, [](Session& it) {
    GreedyRequest request = generation();
    request.length = INT64_MAX;
    it.generate_greedy(request, never());
  });
  // The end of a read from the least integer on, for its message.
  ask(session, [](Session& it) {
    float number;
    it.read(&number, *it.embed({0}, never()), INT64_MIN, 1);
  });
  // A read of no number into no memory.
  ask(session, [](Session& it) { it.read(nullptr, *it.embed({0}, never()), 0, 0); });
  // An upload of no number from no memory.
  ask(session, [](Session& it) { it.upload(nullptr, {0, 4}); });
  // The positions of several texts beside a prompt of nearly 2^63 tokens.
  ask(session, [](Session& it) {
    GreedyBatchRequest request;
    request.texts = {{{0}, 3, nullptr}, {{0}, 3, nullptr}};
    request.length = INT64_MAX;
    it.generate_greedy(request, never());
  });

  // Rows of more heads than 63 bits hold: twice as many overflowed.
  OpenRequest heads = whole;
  for (WeightEntry& entry : heads.entries)
    for (WeightPart& part : entry.parts)
      if (entry.role == Role::qkv_proj) part.interleaved_heads = INT64_MAX;
  // A scale for blocks of nearly 2^63 rows: the count of them overflowed.
  OpenRequest scaled = whole;
  for (WeightEntry& entry : scaled.entries)
    for (WeightPart& part : entry.parts)
      if (entry.role == Role::o_proj) {
        part.type = WeightType::F32;
        part.conversion = Conversion{};
        part.conversion->stored = StoredFormat{StoredFormat::Only::none, WeightType::F32};
        part.conversion->scales = Scales{{WeightType::F32, 1, 1, 0, 0}, INT64_MAX, INT64_MAX};
      }
  for (const OpenRequest& request : {heads, scaled}) {
    Session other;
    ask(other, [=](Session& it) { it.open(request, never(), {}); });
  }
}

}  // namespace phi3lab
