// The meeting of partials.h on the device's side.
#pragma once

#include "partials.h"

namespace phi3lab::cuda {

/** Whether this block is the last of `count` to come; what the others wrote before they came may be read then, past the
 * first-level cache (__ldcg). All threads of the block call it. */
__device__ __forceinline__ bool arrive_last(unsigned* arrived, int count) {
  __shared__ bool last;
  __syncthreads();
  if (threadIdx.x == 0) {
    __threadfence();
    last = atomicInc(arrived, count - 1) == count - 1;  // which makes it 0 again
    __threadfence();
  }
  __syncthreads();
  return last;
}

}  // namespace phi3lab::cuda
