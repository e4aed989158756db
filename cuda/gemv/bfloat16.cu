// gemv.h for weights in bfloat16.
#include "shapes.cuh"

template int phi3lab::cuda::gemv_of<__nv_bfloat16>(const Gemv&, const DeviceProperties&, const KernelSet&,
                                                   cudaStream_t);
