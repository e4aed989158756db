// Reading and multiplying as fast as the processor can: GCC's and Clang's vector types, one instance a vector width.
#include "limits_loops.h"

namespace phi3lab::cpu {
namespace {

#if defined(__x86_64__)
#define TARGET(x) __attribute__((target(x)))
#else
#define TARGET(x)
#endif

// 12 independent chains hide a multiply-add's latency of 4 cycles on machines that start up to three in one. Each chain
// a ← a·x + y tends to y / (1 − x), so no number grows or vanishes. x and y are not the compiler's to know: it would
// leave out the chain that begins with that number.
#define CHAINS(step) step(0) step(1) step(2) step(3) step(4) step(5) step(6) step(7) step(8) step(9) step(10) step(11)
#define START(i) auto a##i = y * static_cast<float>(i);
#define STEP(i) a##i = a##i * x + y;
#define SUM(i) sum += a##i[0];
#define LOOPS(name, bytes, target)                                                \
  typedef float name##_floats __attribute__((vector_size(bytes)));                \
  typedef uint64_t name##_words __attribute__((vector_size(bytes)));              \
  TARGET(target) uint64_t name##_multiply_add(long turns) {                       \
    volatile float half = 0.5f, one = 1.0f;                                       \
    const name##_floats x = name##_floats{} + half, y = name##_floats{} + one;    \
    CHAINS(START)                                                                 \
    for (long n = 0; n < turns; n++) {                                            \
      CHAINS(STEP)                                                                \
    }                                                                             \
    float sum = 0;                                                                \
    CHAINS(SUM)                                                                   \
    return static_cast<uint64_t>(sum);                                            \
  }                                                                               \
  TARGET(target) uint64_t name##_read(const uint8_t* data, size_t size) {         \
    name##_words sums[4] = {};                                                    \
    for (size_t at = 0; at < size; at += 4 * bytes) {                             \
      _Pragma("GCC unroll 4") for (int i = 0; i < 4; i++) {                       \
        sums[i] ^= *reinterpret_cast<const name##_words*>(data + at + bytes * i); \
      }                                                                           \
    }                                                                             \
    return sums[0][0] ^ sums[1][0] ^ sums[2][0] ^ sums[3][0];                     \
  }

#if defined(__x86_64__)
LOOPS(avx512, 64, "avx512f,avx512bw,avx512dq,avx512vl,fma")
LOOPS(avx2, 32, "avx2,fma")
#endif
LOOPS(base, 16, "sse2")

}  // namespace

Loops loops_of(Path path) {
#if defined(__x86_64__)
  if (path == Path::avx512) return {avx512_read, avx512_multiply_add, 12 * 16 * 2.0};
  if (path == Path::avx2) return {avx2_read, avx2_multiply_add, 12 * 8 * 2.0};
#endif
  (void)path;
  return {base_read, base_multiply_add, 12 * 4 * 2.0};
}

}  // namespace phi3lab::cpu
