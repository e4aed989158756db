// The choice among the files compiled from rowwise.inc.
#include "rowwise.h"

namespace phi3lab::cpu {

const Rowwise& rowwise_of(const Isa& isa) {
#ifdef PHI3LAB_X64_PATHS
  if (isa.path == Path::avx512) return kRowwiseAvx512;
  if (isa.path == Path::avx2) return kRowwiseAvx2;
#endif
  (void)isa;
  // The path "neon" too: every aarch64 processor has NEON, so there the portable source is compiled for it.
  return kRowwisePortable;
}

}  // namespace phi3lab::cpu
