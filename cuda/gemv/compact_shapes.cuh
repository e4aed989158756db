// Which shape of the kernel of registers.cuh takes which compact matrix. Included by a file for each format, so that
// they compile apart.
#pragma once

#include "compact.h"
#include "lane.cuh"
#include "registers.cuh"

namespace phi3lab::cuda {

// Measured on an H200, by programmatic launch and without. Products that norm their vector have much to read, and take
// several rows of a lane ahead, two blocks a multiprocessor; those between them end sooner with all warps in one block,
// which makes the vector's fixed point once.
using MuchCompact = RegisterShape<2, 2, 12, 2>;
using BetweenCompact = RegisterShape<4, 1, 24, 1>;

/** The product of one format. */
template <WeightType kType>
int compact_gemv_of(const Gemv& m, const CompactMatrix& weight, const DeviceProperties& device,
                    const KernelSet& kernels, cudaStream_t stream) {
  return with_end(m, [&](auto normed, auto end) {
    constexpr bool kNormed = decltype(normed)::value;
    using Shape = std::conditional_t<kNormed, MuchCompact, BetweenCompact>;
    return launch_registers<Lane<kType>, Shape, kNormed, decltype(end)::value>(m, weight, device, kernels, stream);
  });
}

extern template int compact_gemv_of<WeightType::Q4_0>(const Gemv&, const CompactMatrix&, const DeviceProperties&,
                                                      const KernelSet&, cudaStream_t);
extern template int compact_gemv_of<WeightType::Q4_1>(const Gemv&, const CompactMatrix&, const DeviceProperties&,
                                                      const KernelSet&, cudaStream_t);
extern template int compact_gemv_of<WeightType::Q5_0>(const Gemv&, const CompactMatrix&, const DeviceProperties&,
                                                      const KernelSet&, cudaStream_t);
extern template int compact_gemv_of<WeightType::Q5_1>(const Gemv&, const CompactMatrix&, const DeviceProperties&,
                                                      const KernelSet&, cudaStream_t);
extern template int compact_gemv_of<WeightType::Q8_0>(const Gemv&, const CompactMatrix&, const DeviceProperties&,
                                                      const KernelSet&, cudaStream_t);
extern template int compact_gemv_of<WeightType::Q4_K>(const Gemv&, const CompactMatrix&, const DeviceProperties&,
                                                      const KernelSet&, cudaStream_t);
extern template int compact_gemv_of<WeightType::Q5_K>(const Gemv&, const CompactMatrix&, const DeviceProperties&,
                                                      const KernelSet&, cudaStream_t);
extern template int compact_gemv_of<WeightType::Q6_K>(const Gemv&, const CompactMatrix&, const DeviceProperties&,
                                                      const KernelSet&, cudaStream_t);

}  // namespace phi3lab::cuda
