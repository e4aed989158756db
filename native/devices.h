// The one place that knows which backends this build has.
#pragma once

#include <memory>
#include <string>

#include "backend.h"

namespace phi3lab {

// Throws a sentence when the device is not there. `threads` 0: the backend's own choice.
std::unique_ptr<Backend> make_backend(const std::string& device, int threads);

}  // namespace phi3lab
