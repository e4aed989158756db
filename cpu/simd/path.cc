// Run-time choice of the code path, from cpuid and what the operating system saves of the registers (XCR0).
#include "path.h"

#include <cstdlib>
#include <stdexcept>

#if defined(__x86_64__)
#define PHI3LAB_X64 1
#include <cpuid.h>
#elif defined(__aarch64__)
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
  __cpuid_count(leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx);
  return r;
}

unsigned long long xcr0() {
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<unsigned long long>(high) << 32) | low;
}

bool bit(unsigned word, int index) { return (word >> index) & 1; }

struct Features {
  bool avx2 = false, avxvnni = false, avx512 = false, vnni = false, bf16 = false, zen4 = false;
};

Features features() {
  Features f;
  const Registers zero = cpuid(0, 0);
  if (zero.eax < 7) return f;
  const Registers one = cpuid(1, 0);
  if (!bit(one.ecx, 27) /* OSXSAVE */) return f;
  const unsigned long long saved = xcr0();
  const bool ymm = (saved & 0x6) == 0x6, zmm = (saved & 0xe6) == 0xe6;
  const Registers seven = cpuid(7, 0);
  f.avx2 = ymm && bit(one.ecx, 28) && bit(one.ecx, 12) /* FMA */ && bit(one.ecx, 29) /* F16C */ && bit(seven.ebx, 5);
  f.avx512 = f.avx2 && zmm && bit(seven.ebx, 16) /* F */ && bit(seven.ebx, 17) /* DQ */ &&
             bit(seven.ebx, 30) /* BW */ && bit(seven.ebx, 31) /* VL */;
  const unsigned family = (one.eax >> 8 & 0xf) + (one.eax >> 20 & 0xff);
  f.zen4 = f.avx512 && zero.ebx == 0x68747541 /* Auth, of AuthenticAMD */ && family == 0x19;
  f.vnni = f.avx512 && bit(seven.ecx, 11);
  const Registers more = seven.eax >= 1 ? cpuid(7, 1) : Registers();
  f.avxvnni = f.avx2 && bit(more.eax, 4);
  f.bf16 = f.avx512 && bit(more.eax, 5);
#ifdef PHI3LAB_TWINS  // a test's build, whose AVX-512 and AVX-VNNI are AVX2
  f.avxvnni = f.avx512 = f.vnni = f.avx2;
  f.bf16 = false;
#endif
  return f;
}

#endif

}  // namespace

const char* isa_name(const Isa& isa) {
  switch (isa.path) {
    case Path::portable:
      return "portable";
    case Path::avx2:
      return isa.vnni ? "avxvnni" : "avx2";
    case Path::avx512:
      return isa.vnni ? "avx512vnni" : "avx512";
    case Path::neon:
      return isa.dotprod ? "neondotprod" : "neon";
  }
  return "unknown";
}

std::vector<Isa> available_isas() {
  std::vector<Isa> isas(1);
#ifdef PHI3LAB_X64
  const Features f = features();
  Isa isa;
  isa.path = Path::avx2;
  if (f.avx2) isas.push_back(isa);
#ifdef PHI3LAB_AVXVNNI
  isa.vnni = true;
  if (f.avxvnni) isas.push_back(isa);
  isa.vnni = false;
#endif
  isa.path = Path::avx512;
  isa.fetches = !f.zen4;
  if (f.avx512) isas.push_back(isa);
  isa.vnni = true;
  if (f.vnni) isas.push_back(isa);
#elif defined(PHI3LAB_ARM64)
  Isa isa;
  isa.path = Path::neon;
  isas.push_back(isa);
#if defined(__APPLE__)
  isa.dotprod = true;  // every Mac's processor has it
#elif defined(__linux__)
  isa.dotprod = (getauxval(AT_HWCAP) >> 20) & 1;  // HWCAP_ASIMDDP
#endif
  if (isa.dotprod) isas.push_back(isa);
#endif
  return isas;
}

Isa with_bf16(Isa isa) {
#ifdef PHI3LAB_X64
  isa.bf16 = isa.path == Path::avx512 && features().bf16;
#endif
  if (isa.bf16) return isa;
  throw std::runtime_error(
      std::string("[cpu] Expected a processor with AVX-512 BF16 for compute \"bfloat16\", but this one ") +
      (isa.path == Path::avx512 ? "lacks it" : std::string("works on the path ") + isa_name(isa)) +
      "; float32, the default, works everywhere");
}

Isa choose_isa(const char* requested) {
  const std::vector<Isa> isas = available_isas();
  if (!requested || !*requested) return isas.back();
  const std::string wish = requested;
  std::string known;
  for (const Isa& isa : isas) {
    if (wish == isa_name(isa)) return isa;
    known += (known.empty() ? "" : ", ") + std::string(isa_name(isa));
  }
  for (const char* name : {"avx2", "avxvnni", "avx512", "avx512vnni", "neon", "neondotprod"}) {
    if (wish == name) {
      throw std::runtime_error("[cpu] PHI3LAB_CPU asks for " + wish +
                               ", which this processor or its operating system does not offer; it can run: " + known);
    }
  }
  throw std::runtime_error("[cpu] Expected PHI3LAB_CPU to be one of " + known + " but received \"" + wish + "\"");
}

Isa choose_isa() { return choose_isa(std::getenv("PHI3LAB_CPU")); }

}  // namespace phi3lab::cpu
