// A model's generation from C++, without JavaScript: what the benchmarks hold a notebook cell's time against.
// Standard input names the model, a line each: "place DEVICE DTYPE", "config NAME NUMBER", "file PATH", "weight NAME
// TYPE FILE OFFSET SHAPE…", then "generate TOKENS NEW CACHED ROUNDS". Prints the milliseconds of each round, a line
// each.
#include "native/model/session.h"

#include <chrono>
#include <cstdio>
#include <iostream>
#include <map>
#include <sstream>

using namespace phi3lab;

namespace {

WeightType type_of(const std::string& name) {
  for (int i = 0; i <= static_cast<int>(WeightType::Q6_K); i++)
    if (name == format_of(static_cast<WeightType>(i)).name) return static_cast<WeightType>(i);
  throw std::runtime_error("Expected a weight type but received " + name);
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
  c.sliding_window = take("sliding_window");
  c.rms_norm_eps = static_cast<float>(numbers["rms_norm_eps"]);
  c.rope_theta = numbers["rope_theta"];
  c.tie_word_embeddings = numbers["tie_word_embeddings"] != 0;
  return c;
}

void run() {
  OpenRequest request;
  std::map<std::string, double> numbers;
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
      Entry entry{};
      std::string type;
      in >> entry.name >> type >> entry.file >> entry.offset;
      entry.type = type_of(type);
      for (int64_t n = 0; in >> n;) entry.shape.push_back(n);
      request.entries.push_back(entry);
    } else if (word == "generate") {
      int64_t tokens = 0, fresh = 0, cached = 0, rounds = 0;
      in >> tokens >> fresh >> cached >> rounds;
      if (!open) {
        request.config = config_of(numbers);
        session.open(request, std::make_shared<AbortState>(), {});
        open = true;
      }
      GreedyRequest greedy;
      for (int64_t i = 0; i < tokens; i++) greedy.ids.push_back(static_cast<int32_t>(500 + 7 * i));
      greedy.max_new_tokens = fresh;
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
