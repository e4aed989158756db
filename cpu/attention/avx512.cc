// attend.h for the path "avx512".
#include "cpu/simd/avx512.h"
#include "tiles.h"

namespace phi3lab::cpu {

const Attend kAttendAvx512[2][2] = {
    {attend_functions<Avx512Unaided, float>(), attend_functions<Avx512Unaided, uint16_t>()},
    {attend_functions<Avx512, float>(), attend_functions<Avx512, uint16_t>()},
};

}  // namespace phi3lab::cpu
