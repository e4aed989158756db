// gemv.h for weights in float16.
#include "shapes.cuh"

template int phi3lab::cuda::gemv_of<__half>(const Gemv&, const DeviceProperties&, const KernelSet&, cudaStream_t);
