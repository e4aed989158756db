// How many threads to use: the physical cores that affinity and cgroup quota leave to this process.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>

#include "thread_count.h"

#ifdef __linux__
#include <sched.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace phi3lab::cpu {
namespace {

#ifdef __linux__

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/** Cores among the logical processors that the affinity mask allows: hardware threads of one core count once. */
int usable_cores() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (sched_getaffinity(0, sizeof mask, &mask) != 0) return static_cast<int>(std::thread::hardware_concurrency());
  std::set<std::string> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &mask)) continue;
    const std::string base = "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list";
    const std::string siblings = first_line(base);
    cores.insert(siblings.empty() ? "cpu" + std::to_string(cpu) : siblings);
  }
  return static_cast<int>(cores.size());
}

/** quota / period of one cgroup folder, version 2 or 1; 0 when unlimited or unknown. */
double quota_of(const std::string& folder) {
  std::istringstream v2(first_line(folder + "/cpu.max"));
  std::string quota;
  double period = 0;
  if (v2 >> quota >> period) return quota == "max" || period <= 0 ? 0 : std::atof(quota.c_str()) / period;
  const double q = std::atof(first_line(folder + "/cpu.cfs_quota_us").c_str());
  const double p = std::atof(first_line(folder + "/cpu.cfs_period_us").c_str());
  return q > 0 && p > 0 ? q / p : 0;
}

/** The tightest CPU quota on the way from this process's cgroup to the root; 0 when there is none. */
double cgroup_quota() {
  double tightest = 0;
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    std::string root;
    if (controllers == ",,") root = "/sys/fs/cgroup";
    if (controllers.find(",cpu,") != std::string::npos) root = "/sys/fs/cgroup/cpu";
    if (root.empty()) continue;
    // Inside a container the path may not exist under the mount: its last stop, the mount itself, then decides.
    for (std::string path = line.substr(second + 1);; path.resize(path.rfind('/'))) {
      if (path == "/") path.clear();
      const double quota = quota_of(root + path);
      if (quota > 0 && (tightest == 0 || quota < tightest)) tightest = quota;
      if (path.empty() || path.rfind('/') == std::string::npos) break;
    }
  }
  return tightest;
}

#elif defined(__APPLE__)

int usable_cores() {
  int count = 0;
  size_t size = sizeof count;
  // The performance cores: a slow core in the pool would hold all others back at every barrier.
  if (sysctlbyname("hw.perflevel0.physicalcpu", &count, &size, nullptr, 0) == 0 && count > 0) return count;
  if (sysctlbyname("hw.physicalcpu", &count, &size, nullptr, 0) == 0 && count > 0) return count;
  return static_cast<int>(std::thread::hardware_concurrency());
}

double cgroup_quota() { return 0; }

#else

int usable_cores() { return static_cast<int>(std::thread::hardware_concurrency()); }
double cgroup_quota() { return 0; }

#endif

}  // namespace

int thread_count(int wished) {
  constexpr int kMost = 256;
  if (wished > 0) return std::min(wished, kMost);
  if (const char* text = std::getenv("PHI3LAB_THREADS"); text && *text) {
    char* end = nullptr;
    const long value = std::strtol(text, &end, 10);
    if (*end != 0 || value < 1 || value > kMost) {
      throw std::runtime_error("[cpu] Expected PHI3LAB_THREADS to be a number from 1 to 256 but received \"" +
                               std::string(text) + "\"");
    }
    return static_cast<int>(value);
  }
  int count = usable_cores();
  const double quota = cgroup_quota();
  // A quota of 1.5 gives one thread: two would be stopped for a quarter of every period, in the middle of a region.
  if (quota > 0) count = std::min(count, static_cast<int>(quota + 0.05));
  return std::max(1, std::min(count, kMost));
}

}  // namespace phi3lab::cpu
