// A model's generation from C++, without JavaScript: what the benchmarks hold a notebook cell's time against.
// Standard input names the model, a line each: "place DEVICE DTYPE", "config NAME NUMBER", "frequencies NUMBER…",
// "windows NUMBER…", "file PATH", "weight ROLE LAYER" and then its parts, "part TYPE FILE OFFSET INTERLEAVED SHAPE…",
// then "generate TOKENS NEW CACHED ROUNDS". Prints the milliseconds of each round, a line each.
#include "native/model/session.h"

#include <chrono>
#include <cstdio>
#include <iostream>
#include <map>
#include <sstream>

using namespace phi3lab;

namespace {

template <class T>
T known(std::optional<T> value, const std::string& name) {
  if (!value) throw std::runtime_error("There is no " + name);
  return *value;
}

Config config_of(std::map<std::string, double> numbers) {
  Config c;
  const auto take = [&](const char* name) { return static_cast<int64_t>(numbers[name]); };
  c.hidden_size = take("hidden_size");
  c.intermediate_size = take("intermediate_size");
  c.num_hidden_layers = take("num_hidden_layers");
  c.num_attention_heads = take("num_attention_heads");
  c.num_key_value_heads = take("num_key_value_heads");
  c.head_dim = take("head_dim");
  c.vocab_size = take("vocab_size");
  c.max_position_embeddings = take("max_position_embeddings");
  c.rms_norm_eps = static_cast<float>(numbers["rms_norm_eps"]);
  c.rotary.dims = take("rotary_dims");
  c.rotary.factor = static_cast<float>(numbers["rotary_factor"]);
  return c;
}

void run() {
  OpenRequest request;
  std::map<std::string, double> numbers;
  std::vector<float> frequencies;
  std::vector<int64_t> windows;
  Session session;
  bool open = false;
  std::string line, word;
  while (std::getline(std::cin, line)) {
    std::istringstream in(line);
    in >> word;
    if (word == "place") {
      in >> request.device >> request.dtype;
    } else if (word == "config") {
      std::string name;
      in >> name >> numbers[name];
    } else if (word == "file") {
      request.files.push_back(line.substr(5));
    } else if (word == "weight") {
      WeightEntry entry{};
      std::string role;
      in >> role >> entry.layer;
      entry.role = known(role_named(role), role);
      request.entries.push_back(entry);
    } else if (word == "part") {
      WeightPart part{};
      std::string type;
      in >> type >> part.file >> part.offset >> part.interleaved_heads;
      part.type = known(weight_type_named(type), type);
      for (int64_t n = 0; in >> n;) part.shape.push_back(n);
      request.entries.back().parts.push_back(part);
    } else if (word == "frequencies") {
      for (float n = 0; in >> n;) frequencies.push_back(n);
    } else if (word == "windows") {
      for (int64_t n = 0; in >> n;) windows.push_back(n);
    } else if (word == "generate") {
      int64_t tokens = 0, fresh = 0, cached = 0, rounds = 0;
      in >> tokens >> fresh >> cached >> rounds;
      if (!open) {
        request.config = config_of(numbers);
        request.config.rotary.frequencies = frequencies;
        request.config.windows = windows;
        session.open(request, std::make_shared<AbortState>(), {});
        open = true;
      }
      GreedyRequest greedy;
      for (int64_t i = 0; i < tokens; i++) greedy.ids.push_back(static_cast<int32_t>(500 + 7 * i));
      greedy.stopping.max_new_tokens = fresh;
      greedy.use_cache = cached != 0;
      for (int64_t i = 0; i < rounds; i++) {
        const auto start = std::chrono::steady_clock::now();
        session.generate_greedy(greedy, std::make_shared<AbortState>());
        const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
        std::printf("%.3f\n", time.count());
      }
    }
  }
  session.dispose();
}

}  // namespace

int main() {
  try {
    run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
