// compact.h for weights in Q5_0.
#include "compact_shapes.cuh"

template int phi3lab::cuda::compact_gemv_of<phi3lab::WeightType::Q5_0>(const Gemv&, const CompactMatrix&,
                                                                       const DeviceProperties&, const KernelSet&,
                                                                       cudaStream_t);
