// Reading a mapped file's page that is not there any more (the file was truncated, its disk or server failed) raises
// SIGBUS, which ends the process. In the ranges that are watched here such a page becomes zeros instead, and the range
// is marked: whoever reads it looks at the mark before its results count. Other SIGBUS go where they went before.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace phi3lab {

struct WatchedRange {
  std::atomic<uintptr_t> begin{0}, end{0};  // both 0: free
  std::atomic<bool> lost{false};
  WatchedRange* next = nullptr;
};

// Watches the pages of a mapping, from any thread. The range is valid until it is unwatched.
WatchedRange* watch_pages(const void* data, size_t bytes);
void unwatch_pages(WatchedRange* range);

}  // namespace phi3lab
