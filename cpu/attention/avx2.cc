// attend.h for the path "avx2".
#include "cpu/simd/avx2.h"
#include "tiles.h"

namespace phi3lab::cpu {

const Attend kAttendAvx2[2] = {attend_functions<Avx2, float>(), attend_functions<Avx2, uint16_t>()};

}  // namespace phi3lab::cpu
