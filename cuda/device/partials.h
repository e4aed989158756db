// Where blocks that share one result leave their parts of it, where they do not reach each other's shared memory in a
// cluster: the block that comes last finds all of them and combines them in their order, so that the result has the
// same bits each time.
#pragma once

#include "types.h"

namespace phi3lab::cuda {

struct Partials {
  float* parts = nullptr;
  unsigned* arrived = nullptr;  // a counter a result: 0 before and after every kernel
  int64_t floats = 0;           // that `parts` has room for
  int counters = 0;
};

/** Whether there is room for `results` results of `split` parts of so many numbers each. */
inline bool partials_fit(const Partials& partials, int64_t results, int64_t split, int64_t numbers) {
  return split == 1 || (results <= partials.counters && results * split * numbers <= partials.floats);
}

/** Counters that there are, and numbers a multiprocessor: a product's largest tile. */
constexpr int kPartialCounters = 1024, kPartialFloats = 256 * 128;

}  // namespace phi3lab::cuda
