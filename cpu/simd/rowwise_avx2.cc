// rowwise.h for the path "avx2".
#define ROWWISE kRowwiseAvx2
#include "rowwise.inc"
