// Hostile input for the native half: what a reader that was deceived, or a bug of ours, could hand over.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "native/model/session.h"

namespace phi3lab {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  // 0 … below - 1
  int64_t below(int64_t n) { return static_cast<int64_t>(state_() % static_cast<uint64_t>(n)); }
  bool one_in(int64_t n) { return below(n) == 0; }
  // An integer at which things break.
  int64_t odd_integer();
  float odd_float();
  // Bytes of which some repeat, or are all ones or zeros.
  std::vector<uint8_t> bytes(size_t count);
  template <typename T>
  T& pick(std::vector<T>& list) {
    return list[static_cast<size_t>(below(static_cast<int64_t>(list.size())))];
  }

 private:
  std::mt19937_64 state_;
};

// A model that loads, of random shape, formats and conversions, over a file of random bytes; then some of it is
// changed. `changes` 0: none, so that it must load unless its numbers fit no format.
OpenRequest hostile_model(Random& random, const std::string& file, int64_t file_bytes, int64_t changes);

}  // namespace phi3lab
