// out (T, rows) = in (T, cols) · weightᵀ: the product of matmul.h as a verb.
#include "backend.h"

namespace phi3lab::cpu {

void CpuBackend::matmul(Tensor out, Tensor in, const Weight& weight) {
  in.expect_float32("matmul");
  const Matrix* matrix = &uploaded(weight).matrix;
  const Workspace* workspace = workspace_.get();
  stage([=](const Worker& w) {
    cpu::matmul(w.pool, w.thread, *workspace, out.data, in.data, *matrix, in.rows, out.cols, in.cols);
  });
}

}  // namespace phi3lab::cpu
