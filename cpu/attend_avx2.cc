// attend.h for the path "avx2".
#include "attend_tiles.h"
#include "simd_avx2.h"

namespace phi3lab::cpu {

const Attend kAttendAvx2[2] = {attend_functions<Avx2, float>(), attend_functions<Avx2, uint16_t>()};

}  // namespace phi3lab::cpu
