// rowwise.h for the path "portable".
#define ROWWISE kRowwisePortable
#include "rowwise.inc"
