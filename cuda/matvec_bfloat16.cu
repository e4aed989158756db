// matvec.h for weights in bfloat16.
#include "matvec_shapes.cuh"

template int phi3lab::cuda::matvec_of<__nv_bfloat16>(const Matvec&, const Card&, const Paths&, cudaStream_t);
