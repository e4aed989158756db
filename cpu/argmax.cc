// The greatest logit's id, the first of equals; -1 when one is NaN. Banned ids are passed over.
#include <cmath>

#include "backend.h"

namespace phi3lab::cpu {

void CpuBackend::argmax(int32_t* id, View logits, const int32_t* banned, int64_t n_banned) {
  int64_t best = -1;
  for (int64_t i = 0; i < logits.size(); i++) {
    if (std::isnan(logits.data[i])) {
      *id = -1;
      return;
    }
    if (best >= 0 && !(logits.data[i] > logits.data[best])) continue;
    bool skip = false;
    for (int64_t j = 0; j < n_banned; j++) skip = skip || banned[j] == i;
    if (!skip) best = i;
  }
  *id = static_cast<int32_t>(best);
}

}  // namespace phi3lab::cpu
