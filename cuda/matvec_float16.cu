// matvec.h for weights in float16.
#include "matvec_shapes.cuh"

template int phi3lab::cuda::matvec_of<__half>(const Matvec&, const Card&, const Paths&, cudaStream_t);
