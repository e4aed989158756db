// native_fuzz SECONDS SEED: hostile models and calls against the native half, for the sanitizers. What is wrong ends
// the program; an input is answered by a result or an exception, whatever it is. The rounds that came through are
// counted.
//
// Each round has a seed of its own, printed before it begins: `native_fuzz 0 SEED` runs that one alone.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "hostile.h"
#include "native/devices.h"
#include "native/model/convert.h"
#include "native/model/encode.h"
#include "test/native/post.h"

using namespace phi3lab;

namespace {

constexpr int64_t kFileBytes = 1 << 18;

struct Counts {
  int64_t rounds = 0, loaded = 0, refused = 0, calls = 0, calls_refused = 0, rows = 0;
};

std::vector<int32_t> ids_of(Random& random, int64_t vocab) {
  std::vector<int32_t> ids(static_cast<size_t>(random.below(40)));
  for (int32_t& id : ids)
    id = random.one_in(60) ? static_cast<int32_t>(random.odd_integer()) : static_cast<int32_t>(random.below(vocab));
  return ids;
}

// Positions by a list or a range, of any kind.
PositionChoice positions_of(Random& random) {
  PositionChoice choice;
  if (random.one_in(2))
    choice.list = std::vector<int32_t>{0, static_cast<int32_t>(random.below(40))};
  else if (random.one_in(3))
    choice.from = random.odd_integer(), choice.to = random.odd_integer();
  return choice;
}

// Edits of which many fit and many do not.
EditRequests edits_of(Random& random, std::vector<TensorRef>& tensors) {
  static const char* kPlaces[] = {"model.layers.0",
                                  "model.embed_tokens",
                                  "model.norm",
                                  "model.layers.0.self_attn.context",
                                  "model.layers.0.mlp.down_proj",
                                  "model.layers.0.self_attn.attn_weights",
                                  "model.layers.99999999999",
                                  "x"};
  EditRequests edits;
  while (random.one_in(2)) {
    EditRequest edit;
    edit.at = kPlaces[random.below(static_cast<int64_t>(std::size(kPlaces)))];
    edit.op = static_cast<EditOp>(random.below(4));
    edit.first = random.one_in(4) ? random.odd_integer() : random.below(8);
    edit.last = random.one_in(4) ? random.odd_integer() : random.below(16);
    edit.value_rows = random.one_in(4) ? random.odd_integer() : 1;
    if (!tensors.empty() && !random.one_in(3)) edit.value = random.pick(tensors)->buffer;
    edit.positions = positions_of(random);
    edits.edits.push_back(edit);
  }
  while (random.one_in(4)) {
    KnockOut cut;
    cut.layer = random.one_in(3) ? random.odd_integer() : 0;
    cut.heads = {random.one_in(3) ? random.odd_integer() : random.below(4)};
    cut.from = positions_of(random), cut.to = positions_of(random);
    edits.knock_outs.push_back(cut);
  }
  return edits;
}

// One call with options of any kind.
void call(Random& random, Session& session, std::vector<CacheRef>& caches, std::vector<TensorRef>& tensors) {
  const Config& config = session.config();
  // One that was refused may be any number.
  const int64_t vocab = std::max<int64_t>(1, config.vocab_size);
  const auto abort = std::make_shared<AbortState>();
  if (random.one_in(20)) abort->aborted = true;
  const std::vector<int32_t> ids = ids_of(random, vocab);
  switch (random.below(7)) {
    case 0:
    case 1: {
      static const char* kTaps[] = {"embed_tokens", "layers.0", "attn_weights", "layers.0.self_attn.attn_weights",
                                    "norm",         "x"};
      ForwardRequest request;
      request.ids = ids;
      while (random.one_in(3)) {
        TapRequest tap;
        if (random.one_in(3)) tap.rows = std::vector<int64_t>{random.one_in(2) ? 0 : random.odd_integer()};
        if (random.one_in(3)) tap.heads = std::vector<int64_t>{random.one_in(2) ? 0 : random.odd_integer()};
        request.taps[kTaps[random.below(static_cast<int64_t>(std::size(kTaps)))]] = tap;
      }
      if (caches.empty() || random.one_in(3)) caches.push_back(session.make_cache());
      if (!random.one_in(3)) request.cache = random.pick(caches);
      request.length = random.one_in(2) ? 0 : random.odd_integer();
      request.layers = random.one_in(2) ? 0 : random.odd_integer();
      request.edits = edits_of(random, tensors);
      const ForwardResult result = post(session, [=](Session& it) { return it.forward(request, abort); }).get();
      if (result.last_hidden_state) tensors.push_back(result.last_hidden_state);
      for (const auto& [name, tensor] : result.taps) tensors.push_back(tensor);
      return;
    }
    case 2: {
      if (tensors.empty()) return;
      const TensorRef hidden = random.pick(tensors);
      const int64_t start = random.one_in(2) ? 0 : random.odd_integer();
      const int64_t rows = random.one_in(2) ? 1 : random.odd_integer();
      tensors.push_back(post(session, [=](Session& it) { return it.lm_head(hidden, start, rows, abort); }).get());
      return;
    }
    case 3:
    case 4: {
      GreedyRequest request;
      request.ids = ids;
      request.use_cache = !random.one_in(3);
      request.edits = edits_of(random, tensors);
      request.chunk = random.one_in(2) ? 0 : random.odd_integer();
      request.length = random.one_in(2) ? 0 : random.odd_integer();
      request.stopping.max_new_tokens = random.one_in(4) ? random.odd_integer() : random.below(12);
      request.stopping.min_new_tokens = random.one_in(4) ? random.odd_integer() : random.below(4);
      for (int64_t i = random.below(3); i > 0; i--)
        request.stopping.eos.push_back(
            static_cast<int32_t>(random.one_in(4) ? random.odd_integer() : random.below(vocab)));
      post(session, [=](Session& it) { return it.generate_greedy(request, abort); }).get();
      return;
    }
    case 5: {
      if (tensors.empty()) return;
      const TensorRef tensor = random.pick(tensors);
      const int64_t start = random.one_in(2) ? 0 : random.odd_integer();
      const int64_t count = random.one_in(2) ? 1 : random.odd_integer();
      post(session, [=](Session& it) {
        // As the addon does, the room is made first.
        std::vector<float> out(static_cast<size_t>(count > 0 && count <= tensor->size() ? count : 0));
        it.read(out.data(), *tensor, start, count);
        return 0;
      }).get();
      return;
    }
    default: {
      if (caches.empty()) return;
      const CacheRef cache = random.pick(caches);
      if (random.one_in(3))
        post(session, [=](Session& it) { return it.drop(*cache), 0; }).get();
      else
        session.size_of(*cache);
      if (random.one_in(6)) session.memory();
      return;
    }
  }
}

void run_model(Random& random, const std::string& file, Counts& counts) {
  const std::vector<uint8_t> bytes = random.bytes(kFileBytes);
  std::ofstream(file, std::ios::binary | std::ios::trunc)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  const OpenRequest request = hostile_model(random, file, kFileBytes, random.one_in(3) ? 0 : 1 + random.below(3));
  Session session;
  std::vector<CacheRef> caches;
  std::vector<TensorRef> tensors;
  try {
    post(session, [&](Session& it) { return it.open(request, std::make_shared<AbortState>(), {}), 0; }).get();
    counts.loaded++;
  } catch (const std::exception&) {
    counts.refused++;
  }
  for (int64_t i = random.below(8); i > 0; i--) {
    try {
      counts.calls++;
      call(random, session, caches, tensors);
    } catch (const std::exception&) {
      counts.calls_refused++;
    }
  }
  if (random.one_in(2)) post(session, [](Session& it) { return it.dispose(), 0; }).get();
}

// Every format's rows of whatever bytes, in memory of exactly their size, read by both of its decoders.
void run_rows(Random& random, Counts& counts) {
  for (int i = 0; i < kWeightTypes; i++) {
    const auto type = static_cast<WeightType>(i);
    const int64_t cols = format_of(type).block_size * (1 + random.below(6));
    const std::vector<uint8_t> given = random.bytes(row_bytes(type, cols));
    std::unique_ptr<uint8_t[]> row(new uint8_t[given.size()]);
    std::memcpy(row.get(), given.data(), given.size());
    std::unique_ptr<float[]> out(new float[static_cast<size_t>(cols)]);
    dequantise_row(out.get(), type, row.get(), cols);
    if (can_encode(type)) {
      if (random.one_in(2))
        for (int64_t k = 0; k < cols; k++) out[static_cast<size_t>(k)] = random.odd_float();
      encode_row(row.get(), type, out.get(), cols);
    }
    counts.rows++;
  }
  for (const char* name : {"F64", "F8_E4M3"}) {
    const StoredFormat format = *StoredFormat::named(name);
    const int64_t cols = 1 + random.below(100);
    const std::vector<uint8_t> given = random.bytes(format.row_bytes(cols));
    std::unique_ptr<uint8_t[]> row(new uint8_t[given.size()]);
    std::memcpy(row.get(), given.data(), given.size());
    std::unique_ptr<float[]> out(new float[static_cast<size_t>(cols)]);
    format.decode(out.get(), row.get(), cols);
    counts.rows++;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 10;
  uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : std::random_device()();
  const std::string file =
      (std::filesystem::temp_directory_path() / ("phi3lab-fuzz-" + std::to_string(std::random_device()()))).string();
  Counts counts;
  const auto start = std::chrono::steady_clock::now();
  do {
    std::fprintf(stderr, "seed %llu\n", static_cast<unsigned long long>(seed));
    Random random(seed++);
    run_rows(random, counts);
    run_model(random, file, counts);
    counts.rounds++;
  } while (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < seconds);
  std::error_code ignored;
  std::filesystem::remove(file, ignored);
  std::printf("%lld rounds: %lld models loaded, %lld refused; %lld calls, %lld of them refused; %lld rows\ndone\n",
              static_cast<long long>(counts.rounds), static_cast<long long>(counts.loaded),
              static_cast<long long>(counts.refused), static_cast<long long>(counts.calls),
              static_cast<long long>(counts.calls_refused), static_cast<long long>(counts.rows));
}
