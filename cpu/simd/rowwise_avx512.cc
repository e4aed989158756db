// rowwise.h for the path "avx512".
#define ROWWISE kRowwiseAvx512
#include "rowwise.inc"
