// Calls that fuzzing found to break the native half, each mended.
#pragma once

#include <string>

namespace phi3lab {

// Makes them over a model whose weights are written to `file`; each is answered or refused with an exception.
void known_faults(const std::string& file);

}  // namespace phi3lab
