// attend.h for the path "portable".
#include "cpu/simd/portable.h"
#include "tiles.h"

namespace phi3lab::cpu {

const Attend kAttendPortable[2] = {attend_functions<Portable, float>(), attend_functions<Portable, uint16_t>()};

}  // namespace phi3lab::cpu
