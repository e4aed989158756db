// compact.h for weights in Q4_K.
#include "compact_shapes.cuh"

template int phi3lab::cuda::compact_gemv_of<phi3lab::WeightType::Q4_K>(const Gemv&, const CompactMatrix&,
                                                                       const DeviceProperties&, const KernelSet&,
                                                                       cudaStream_t);
