// Token embedding: out (T, hidden) = rows `ids` of table (vocab, hidden).
#include "backend.h"

namespace phi3lab::cpu {

void CpuBackend::embed(Tensor out, const PassInput& input, const Weight& table) {
  const Matrix* matrix = &placed(table).matrix;
  stage([=](const Worker& w) {
    own_runs(out.rows, w.thread, w.threads, [&](int64_t first, int64_t last) {
      for (int64_t t = first; t < last; t++) matrix->read_row(out.data + t * out.cols, input.ids[t]);
    });
  });
}

}  // namespace phi3lab::cpu
