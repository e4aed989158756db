#include "lost_pages.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>

namespace phi3lab {
namespace {

// A list that only grows, with places used again: the handler may walk it at any moment.
std::atomic<WatchedRange*> ranges{nullptr};
std::mutex mutex;  // over taking and freeing places
uintptr_t page_size = 4096;
struct sigaction previous;

// Puts zeros in place of the pages of `range` from `address` on. Async-signal-safe: mmap is a bare system call.
bool replace_pages(WatchedRange& range, uintptr_t address) {
  const uintptr_t begin = range.begin, end = range.end;
  if (address < begin || address >= end) return false;
  const uintptr_t page = address & ~(page_size - 1);
  range.lost = true;
  // All that follows is most likely lost, too, and the results do not count any more.
  return ::mmap(reinterpret_cast<void*>(page), end - page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
         MAP_FAILED;
}

void on_bus_error(int signal, siginfo_t* info, void* context) {
  const int saved = errno;
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  const bool is_access = info->si_code > 0;  // else another process sent it
  for (WatchedRange* range = is_access ? ranges.load() : nullptr; range; range = range->next)
    if (replace_pages(*range, address)) {
      errno = saved;
      return;
    }
  errno = saved;
  if (previous.sa_flags & SA_SIGINFO) return previous.sa_sigaction(signal, info, context);
  if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) return previous.sa_handler(signal);
  // The access is tried again, and ends the process as it would have; what was sent is sent again.
  ::sigaction(SIGBUS, &previous, nullptr);
  if (!is_access) ::raise(SIGBUS);
}

void install() {
  page_size = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  struct sigaction action{};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, &previous);
}

}  // namespace

WatchedRange* watch_pages(const void* data, size_t bytes) {
  static std::once_flag installed;
  std::call_once(installed, install);
  const std::lock_guard<std::mutex> lock(mutex);
  WatchedRange* range = ranges;
  while (range && range->end != 0) range = range->next;
  if (!range) {
    range = new WatchedRange;
    range->next = ranges;
    ranges = range;
  }
  range->lost = false;
  range->begin = reinterpret_cast<uintptr_t>(data);
  range->end = reinterpret_cast<uintptr_t>(data) + bytes;
  return range;
}

void unwatch_pages(WatchedRange* range) {
  const std::lock_guard<std::mutex> lock(mutex);
  range->end = 0;
  range->begin = 0;
}

}  // namespace phi3lab
