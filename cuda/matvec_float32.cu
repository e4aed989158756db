// matvec.h for weights in float32.
#include "matvec_shapes.cuh"

template int phi3lab::cuda::matvec_of<float>(const Matvec&, const Card&, const Paths&, cudaStream_t);
