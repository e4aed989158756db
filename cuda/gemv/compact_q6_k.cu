// compact.h for weights in Q6_K.
#include "compact_shapes.cuh"

template int phi3lab::cuda::compact_gemv_of<phi3lab::WeightType::Q6_K>(const Gemv&, const CompactMatrix&,
                                                                       const DeviceProperties&, const KernelSet&,
                                                                       cudaStream_t);
