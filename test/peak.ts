/** The most memory that a child process had, in kilobytes: an expression for its program. */
import { existsSync } from "node:fs";

// Linux counts what the process that forked it had into a child's maxRSS.
export const peak = existsSync("/proc/self/status")
  ? '/VmHWM:\\s+(\\d+)/.exec(require("node:fs").readFileSync("/proc/self/status", "utf8"))[1]'
  : "process.resourceUsage().maxRSS";
