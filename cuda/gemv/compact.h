// A compact matrix times one vector: as gemv.h, by weights that are read as they lie, in four to eight bits. Exact as
// float32 sums are: the vector goes into 24-bit fixed point, whose products with the quants are whole numbers.
#pragma once

#include "cuda/memory/compact.h"
#include "gemv.h"

namespace phi3lab::cuda {

/** Whether such a matrix is taken: its rows are long enough for a block's largest number to be none of few, and what a
 * block keeps of the vector fits the GPU's shared memory. On every GPU. */
bool compact_gemv_fits(const CompactMatrix& weight, const DeviceProperties& device);
/** Launches it, with `m.weight` and `m.dtype` left alone; gives the number of blocks, which is the number of
 * candidates. */
int compact_gemv(const Gemv& m, const CompactMatrix& weight, const DeviceProperties& device, const KernelSet& kernels,
                 cudaStream_t stream);

}  // namespace phi3lab::cuda
