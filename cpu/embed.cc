// Token embedding: out (T, hidden) = rows `ids` of table (vocab, hidden).
#include "backend.h"

namespace phi3lab::cpu {

void CpuBackend::embed(Tensor out, const PassInput& input, const Weight& table) {
  const Matrix* matrix = &uploaded(table).matrix;
  stage([=](const Worker& w) {
    each_own_token(out.rows, w, [&](int64_t t) { matrix->read_row(out.data + t * out.cols, input.ids[t]); });
  });
}

}  // namespace phi3lab::cpu
