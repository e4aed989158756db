// out (T, hidden) = the rows of the embedding table that the tokens name.
#include "backend.h"

namespace phi3lab::cpu {

void CpuBackend::embed(View out, const phi3lab::Weight& table, const Pass& pass) {
  const Matrix& matrix = static_cast<const CpuWeight&>(table).matrix;
  share(pass.tokens, 1, [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; t++) matrix.read_row(out.data + t * out.cols, pass.ids[t]);
  });
}

}  // namespace phi3lab::cpu
