// How many threads a model takes.
#pragma once

namespace phi3lab::cpu {

/**
 * How many threads to use: `wished` when positive, else `PHI3LAB_THREADS`, else the physical cores that this process
 * may use by its affinity and its cgroup's quota. Throws a sentence when PHI3LAB_THREADS is no number in 1 … 256.
 */
int thread_count(int wished = 0);

}  // namespace phi3lab::cpu
