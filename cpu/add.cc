// out += in, element by element: the residual stream.
#include "backend.h"

namespace phi3lab::cpu {

void CpuBackend::add(View out, View in) {
  share(out.size(), 16, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; i++) out.data[i] += in.data[i];
  });
}

}  // namespace phi3lab::cpu
