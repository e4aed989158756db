// Edits of an intermediate's rows: some of their numbers changed where a row stands at one of the edit's positions.
#include <algorithm>

#include "backend.h"

namespace phi3lab::cpu {
namespace {

void edit_row(float* x, const RowEdit& edit, const float* value) {
  const int64_t count = edit.last - edit.first;
  switch (edit.op) {
    case EditOp::add:
      for (int64_t i = 0; i < count; i++) x[i] += edit.scale * value[i];
      return;
    case EditOp::multiply:
      for (int64_t i = 0; i < count; i++) x[i] *= value ? edit.scale * value[i] : edit.scale;
      return;
    case EditOp::set:
      std::copy_n(value, count, x);
      return;
    case EditOp::project_out: {
      double along = 0;
      for (int64_t i = 0; i < count; i++) along += static_cast<double>(x[i]) * static_cast<double>(value[i]);
      for (int64_t i = 0; i < count; i++) x[i] -= static_cast<float>(along) * value[i];
      return;
    }
  }
}

}  // namespace

void CpuBackend::edit_rows(Tensor x, const RowEdit& edit, const PassInput& input, int64_t first) {
  x.expect_float32("edit_rows");
  stage([=](const Worker& w) {
    each_own_token(x.rows, w, [&](int64_t t) {
      const int64_t n = edit.positions.index_of(*input.position + first + t);
      if (n < 0) return;
      const float* value = edit.value;
      if (value && edit.value_rows > 1) value += n * (edit.last - edit.first);
      edit_row(x.data + t * x.cols + edit.first, edit, value);
    });
  });
}

}  // namespace phi3lab::cpu
