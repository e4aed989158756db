// Which instructions this process computes with: one function chooses, everything else is told.
#pragma once

#include <string>
#include <vector>

namespace phi3lab::cpu {

enum class Path { portable, avx2, avx512, neon };

/** A path and what goes beyond its base: VNNI (vpdpbusd) of AVX-512 or of AVX2, NEON's dot product. */
struct Isa {
  Path path = Path::portable;
  bool vnni = false;
  bool dotprod = false;
  /** AVX-512's BF16 (vdpbf16ps), which rounds what it multiplies: never set unless asked for, by `with_bf16`. */
  bool bf16 = false;
  /**
   * Whether weights, keys and values are asked for ahead of their use, for few tokens. Most processors ask for too few
   * at a time by themselves; AMD's Zen 4 reads up to a third slower when it is told.
   */
  bool fetches = true;
};

/** `portable`, `avx2`, `avxvnni`, `avx512`, `avx512vnni`, `neon` or `neondotprod`. */
const char* isa_name(const Isa& isa);

/** All that this build holds and that processor and operating system can run, the slowest first. */
std::vector<Isa> available_isas();

/** The same instructions, with prompts' products in bfloat16. Throws a sentence where that cannot be. */
Isa with_bf16(Isa isa);

/**
 * What to use: the fastest available, or what `requested` names (null or empty: no wish). Throws a sentence when there
 * is no such name, or when this machine cannot run it.
 */
Isa choose_isa(const char* requested);

/** `choose_isa` of the environment variable `PHI3LAB_CPU`. */
Isa choose_isa();

}  // namespace phi3lab::cpu
