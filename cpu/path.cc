// Run-time choice of the code path, from cpuid and what the operating system saves of the registers (XCR0).
#include "path.h"

#include <cstdlib>
#include <stdexcept>

#if defined(__x86_64__) || defined(_M_X64)
#define PHI3LAB_X64 1
#ifdef _MSC_VER
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#elif defined(__aarch64__) || defined(_M_ARM64)
#define PHI3LAB_ARM64 1
#ifdef __linux__
#include <sys/auxv.h>
#endif
#endif

namespace phi3lab::cpu {
namespace {

#ifdef PHI3LAB_X64

struct Registers {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers cpuid(unsigned leaf, unsigned subleaf) {
  Registers r;
#ifdef _MSC_VER
  int out[4];
  __cpuidex(out, static_cast<int>(leaf), static_cast<int>(subleaf));
  r = {static_cast<unsigned>(out[0]), static_cast<unsigned>(out[1]), static_cast<unsigned>(out[2]),
       static_cast<unsigned>(out[3])};
#else
  __cpuid_count(leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx);
#endif
  return r;
}

unsigned long long xcr0() {
#ifdef _MSC_VER
  return _xgetbv(0);
#else
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<unsigned long long>(high) << 32) | low;
#endif
}

bool bit(unsigned word, int index) { return (word >> index) & 1; }

struct Features {
  bool avx2 = false, avx512 = false, vnni = false, bf16 = false;
};

Features features() {
  Features f;
  const unsigned highest = cpuid(0, 0).eax;
  if (highest < 7) return f;
  const Registers one = cpuid(1, 0);
  if (!bit(one.ecx, 27) /* OSXSAVE */) return f;
  const unsigned long long saved = xcr0();
  const bool ymm = (saved & 0x6) == 0x6, zmm = (saved & 0xe6) == 0xe6;
  const Registers seven = cpuid(7, 0);
  f.avx2 = ymm && bit(one.ecx, 28) && bit(one.ecx, 12) /* FMA */ && bit(one.ecx, 29) /* F16C */ && bit(seven.ebx, 5);
  f.avx512 = f.avx2 && zmm && bit(seven.ebx, 16) /* F */ && bit(seven.ebx, 17) /* DQ */ &&
             bit(seven.ebx, 30) /* BW */ && bit(seven.ebx, 31) /* VL */;
  f.vnni = f.avx512 && bit(seven.ecx, 11);
  f.bf16 = f.avx512 && seven.eax >= 1 && bit(cpuid(7, 1).eax, 5);
  return f;
}

#endif

}  // namespace

const char* path_name(Path path) {
  switch (path) {
    case Path::portable:
      return "portable";
    case Path::avx2:
      return "avx2";
    case Path::avx512:
      return "avx512";
    case Path::neon:
      return "neon";
  }
  return "unknown";
}

std::vector<Path> available_paths() {
  std::vector<Path> paths = {Path::portable};
#ifdef PHI3LAB_X64
  const Features f = features();
  if (f.avx2) paths.push_back(Path::avx2);
  if (f.avx512) paths.push_back(Path::avx512);
#elif defined(PHI3LAB_ARM64)
  paths.push_back(Path::neon);
#endif
  return paths;
}

Isa isa_of(Path path) {
  bool found = false;
  for (Path p : available_paths()) found = found || p == path;
  if (!found) throw std::runtime_error(std::string("[cpu] This machine cannot run the path ") + path_name(path));
  Isa isa;
  isa.path = path;
#ifdef PHI3LAB_X64
  if (path == Path::avx512) {
    isa.vnni = features().vnni;
  }
#elif defined(PHI3LAB_ARM64)
#if defined(__APPLE__)
  isa.dotprod = path == Path::neon;  // every Mac's processor has it
#elif defined(__linux__)
  isa.dotprod = path == Path::neon && ((getauxval(AT_HWCAP) >> 20) & 1) /* HWCAP_ASIMDDP */;
#endif
#endif
  return isa;
}

Isa with_bf16(Isa isa) {
#ifdef PHI3LAB_X64
  isa.bf16 = isa.path == Path::avx512 && features().bf16;
#endif
  if (isa.bf16) return isa;
  throw std::runtime_error(
      std::string("[cpu] Expected a processor with AVX-512 BF16 for compute \"bfloat16\", but this one ") +
      (isa.path == Path::avx512 ? "lacks it" : std::string("works on the path ") + path_name(isa.path)) +
      "; float32, the default, works everywhere");
}

Isa choose_isa(const char* requested) {
  const std::vector<Path> paths = available_paths();
  if (!requested || !*requested) return isa_of(paths.back());
  std::string known;
  for (Path p : paths) {
    if (std::string(requested) == path_name(p)) return isa_of(p);
    known += (known.empty() ? "" : ", ") + std::string(path_name(p));
  }
  for (Path p : {Path::avx2, Path::avx512, Path::neon}) {
    if (std::string(requested) == path_name(p)) {
      throw std::runtime_error("[cpu] PHI3LAB_CPU asks for " + std::string(requested) +
                               ", which this processor or its operating system does not offer; it can run: " + known);
    }
  }
  throw std::runtime_error("[cpu] Expected PHI3LAB_CPU to be one of " + known + " but received \"" + requested + "\"");
}

Isa choose_isa() { return choose_isa(std::getenv("PHI3LAB_CPU")); }

}  // namespace phi3lab::cpu
