// gemv.h for weights in float32.
#include "shapes.cuh"

template int phi3lab::cuda::gemv_of<float>(const Gemv&, const DeviceProperties&, const KernelSet&, cudaStream_t);
