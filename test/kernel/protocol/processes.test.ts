/** What the kernel knows of processes: its parent, a cell's children, pipes, and why a kernel died. */
import assert from "node:assert/strict";
import childProcess, { type ChildProcess, execFileSync, spawn } from "node:child_process";
import fs, { closeSync, constants, existsSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { mock } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { signalAll, youngDescendants } from "../../../kernel/protocol/children";
import { beginReading, endReading, readWaiting } from "../../../kernel/protocol/descriptors";
import { Shared } from "../../../kernel/protocol/link";
import { watchParent } from "../../../kernel/protocol/parent";
import { causeOfDeath, readableLines } from "../../../kernel/protocol/report_death";
import { afterName, openSupervised, parentOf, terminal } from "../../../kernel/protocol/supervised";

const started: ChildProcess[] = [];
/** Starts a process that ends with this test. */
function start(command: string, args: string[], options: object = {}): number {
  const child = spawn(command, args, { stdio: "ignore", ...options });
  started.push(child);
  return child.pid as number;
}
const ended = (child: ChildProcess | undefined) => new Promise((done) => child?.once("close", done));
const dead = async (): Promise<number> => {
  const pid = start(process.execPath, ["-e", ""]);
  await ended(started.at(-1));
  return pid;
};
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "phi3lab-processes-"));
});
afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

describe("A cell's children", () => {
  /** Those of this process, but for what the test's own tools had started before it. */
  const young = (age = 60) => youngDescendants(process.pid, age).filter((pid) => !others.includes(pid));
  let others: number[] = [];
  beforeEach(() => {
    others = youngDescendants(process.pid, 3600);
  });
  /** The process and all below it, by ps. */
  const family = (pid: number): number[] => {
    const lines = execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" }).trim().split("\n");
    const pairs = lines.map((line) => line.trim().split(/\s+/).map(Number));
    const below = (parent: number): number[] =>
      pairs.flatMap(([one, its]) => (its === parent ? [one as number, ...below(one as number)] : []));
    return [pid, ...below(pid)];
  };

  it("are those that it has started, and theirs", async () => {
    const pid = start("sh", ["-c", "sleep 50 & sleep 50 & wait"]);
    while (family(pid).length < 3) await sleep(20);
    assert.deepEqual(young().sort(), family(pid).sort());
  });

  it("are no older than it is", async () => {
    const pid = start("sh", ["-c", "sleep 50; :"]);
    while (family(pid).length < 2) await sleep(20);
    await sleep(300);
    assert.deepEqual(young(0.1), []);
    const other = start("sleep", ["50"]);
    await sleep(50);
    assert.deepEqual(young(0.2), [other]);
    // However old the children of a young one are.
    assert.deepEqual(young(30).sort(), [...family(pid), other].sort());
  });

  it("are none that are in a session of their own, and none of the kernel's own", async () => {
    start("sleep", ["50"], { detached: true });
    start(process.execPath, ["-e", "setTimeout(() => {}, 50000)", resolve(__dirname, "../../../kernel/engine")]);
    const own = start("sleep", ["50"]);
    await sleep(100);
    assert.deepEqual(young(), [own]);
  });

  it("are found by ps where the system has no /proc", async () => {
    const pid = start("sh", ["-c", "sleep 50 & sleep 50 & wait"]);
    const own = start(process.execPath, [
      "-e",
      "setTimeout(() => {}, 50000)",
      resolve(__dirname, "../../../kernel/engine"),
    ]);
    while (family(pid).length < 3) await sleep(20);
    const { readFileSync, existsSync } = fs;
    const isProc = (path: unknown): boolean => String(path).startsWith("/proc");
    const none = Object.assign(new Error("no /proc"), { code: "ENOENT" });
    const hidden = [
      mock.method(fs, "readFileSync", (...args: Parameters<typeof readFileSync>) => {
        if (isProc(args[0])) throw none;
        return readFileSync(...args);
      }),
      mock.method(fs, "existsSync", (path: string) => !isProc(path) && existsSync(path)),
    ];
    try {
      const found = young();
      assert.ok(family(pid).every((one) => found.includes(one)));
      assert.ok(!found.includes(own), "the kernel's own");
    } finally {
      for (const { mock } of hidden) mock.restore();
    }
  });

  it("have an age in days, hours, minutes and seconds there", () => {
    const { readFileSync } = fs;
    const hidden = mock.method(fs, "readFileSync", (...args: Parameters<typeof readFileSync>) => {
      if (String(args[0]).startsWith("/proc/self")) throw new Error("no /proc");
      return readFileSync(...args);
    });
    const listed = (elapsed: string) =>
      mock.method(
        childProcess,
        "execFileSync",
        () => `    1     0 10-00:00:00\n  777   ${process.pid}    ${elapsed}\n`,
      );
    const isYoung = (elapsed: string, age: number): boolean => {
      const ps = listed(elapsed);
      try {
        return youngDescendants(process.pid, age).includes(777);
      } finally {
        ps.mock.restore();
      }
    };
    try {
      for (const [elapsed, seconds] of [
        ["00:07", 7],
        ["03:07", 187],
        ["02:03:07", 7387],
        ["4-02:03:07", 352_987],
      ] as const) {
        assert.equal(isYoung(elapsed, seconds), true, elapsed);
        assert.equal(isYoung(elapsed, seconds - 2), false, elapsed);
      }
    } finally {
      hidden.mock.restore();
    }
  });

  it("get a signal, those that still are there", async () => {
    const gone = await dead();
    const pid = start("sleep", ["50"]);
    const end = new Promise((done) => started.at(-1)?.once("exit", (_, signal) => done(signal)));
    signalAll([gone, pid], "SIGINT");
    assert.equal(await end, "SIGINT");
  });
});

describe("The kernel's parent", () => {
  /** Whether it counts as dead after a second, and not before. */
  const isDead = (parent: number, child?: number): boolean => {
    let deaths = 0;
    mock.timers.enable({ apis: ["setInterval"] });
    try {
      watchParent(parent, () => deaths++, child);
      mock.timers.tick(999);
      assert.ok(deaths < 1);
      mock.timers.tick(1);
      return deaths === 1;
    } finally {
      mock.timers.reset();
    }
  };

  it("is missed once it has ended, and never where it is the first process", async () => {
    assert.equal(isDead(process.ppid), false);
    assert.equal(isDead(await dead()), true);
    assert.equal(isDead(1), false);
    assert.equal(isDead(0), false);
  });

  it("may be that of the supervisor between the two", async () => {
    const supervisor = start("sleep", ["50"]);
    assert.equal(isDead(process.pid, supervisor), false);
    assert.equal(isDead(process.ppid, supervisor), true);
    const gone = await dead();
    assert.equal(isDead(process.pid, gone), false, "the supervisor's end is another matter");
    assert.equal(isDead(await dead(), gone), true);
  });

  it("is read from the system, whatever a process is called", () => {
    assert.equal(parentOf(process.pid), process.ppid);
    assert.equal(parentOf(2 ** 30), undefined);
    assert.deepEqual(afterName("12 (a) b (c) d) S 34 5"), ["S", "34", "5"]);
  });
});

describe("What a supervisor prepares", () => {
  it("is opened once, and nothing of it is left behind", () => {
    for (const name of ["stdout", "stderr", "alive"]) writeFileSync(join(folder, name), name);
    const { stdout, stderr } = terminal;
    assert.equal(openSupervised(), undefined);
    assert.deepEqual(terminal, { stdout, stderr });
    Object.assign(process.env, { PHI3LAB_SUPERVISOR: folder, PHI3LAB_PARENT: "17" });
    const found = openSupervised();
    try {
      assert.deepEqual(terminal, { stdout: 3, stderr: 4 });
      assert.ok(found !== undefined && !existsSync(folder));
      assert.deepEqual([found.supervisor, found.parent], [process.ppid, 17]);
      for (const name of ["stdout", "stderr", "alive"] as const) assert.equal(String(readWaiting(found[name])), name);
      assert.ok(!("PHI3LAB_SUPERVISOR" in process.env) && !("PHI3LAB_PARENT" in process.env));
      assert.equal(openSupervised(), undefined);
    } finally {
      Object.assign(terminal, { stdout, stderr });
      for (const name of ["stdout", "stderr", "alive"] as const) closeSync(found?.[name] as number);
    }
  });
});

describe("A pipe", () => {
  let pipe: number;
  beforeEach(() => {
    const path = join(folder, "pipe");
    execFileSync("mkfifo", [path]);
    pipe = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  });
  afterEach(() => closeSync(pipe));

  it("gives all that waits in it, and nothing where nothing waits, without waiting", () => {
    const { stackTraceLimit } = Error;
    try {
      Error.stackTraceLimit = 7;
      assert.equal(readWaiting(pipe).length, 0);
      assert.equal(Error.stackTraceLimit, 7, "it is as it was");
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
    writeSync(pipe, "one");
    writeSync(pipe, "two");
    assert.equal(String(readWaiting(pipe)), "onetwo");
    assert.equal(readWaiting(pipe).length, 0);
    const full = Buffer.alloc(65_536, "x");
    writeSync(pipe, full);
    assert.ok(readWaiting(pipe).equals(full));
  });

  it("gives a mebibyte at a time, and an error where it is none", () => {
    const path = join(folder, "much");
    writeFileSync(path, Buffer.alloc(2 ** 20 + 10, "x"));
    const much = openSync(path, "r");
    assert.equal(readWaiting(much).length, 2 ** 20);
    assert.equal(readWaiting(much).length, 10);
    closeSync(much);
    assert.throws(() => readWaiting(much), { code: "EBADF" });
  });

  it("is read by one thread at a time; another waits as long as it is told", async () => {
    const shared = new Int32Array(new SharedArrayBuffer(Shared.Size * Int32Array.BYTES_PER_ELEMENT));
    assert.equal(beginReading(shared, 0), true);
    const start = performance.now();
    assert.equal(beginReading(shared, 40), false);
    assert.ok(performance.now() - start >= 39);
    assert.equal(beginReading(shared, 0), false);
    endReading(shared);
    assert.equal(beginReading(shared, 0), true);
    endReading(shared);
  });
});

describe("The death of a kernel", () => {
  it("has its reason in words", () => {
    const why = (status: number, stderr = "") =>
      causeOfDeath(status, stderr).replace("The kernel has ended, and with it every variable: ", "");
    assert.equal(why(3), "its process exited with code 3.");
    assert.equal(why(0), "its process exited with code 0.");
    assert.equal(why(137), "its process was killed (SIGKILL), as the system does when memory runs out.");
    for (const [status, signal] of [
      [139, "SIGSEGV"],
      [135, "SIGBUS"],
      [132, "SIGILL"],
      [136, "SIGFPE"],
      [134, "SIGABRT"],
      [133, "SIGTRAP"],
    ] as const)
      assert.equal(why(status), `native code crashed (${signal}).`);
    assert.equal(why(129), "its process was ended by SIGHUP.");
    assert.equal(why(128), "its process exited with code 128.");
    for (const said of [
      "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
      "Reached HEAP LIMIT",
    ])
      assert.match(
        why(134, said),
        /^its JavaScript needed more memory than V8's heap limit allows\. NODE_OPTIONS=--max-old-space-size=MEGABYTES/,
      );
  });

  it("shows the last twelve lines that a person can use", () => {
    const lines = [
      "",
      "  ",
      "<--- Last few GCs --->",
      "[123:0x5a] 10 ms: Mark-Compact",
      " 1: 0xb8d 2 node",
      "----- Native stack trace -----",
    ];
    assert.deepEqual(readableLines(["said", ...lines, "and more"].join("\n")), ["said", "and more"]);
    const kept = ["x <--- y", "x [12:0x5", "x 1: 0x", "[x:0x"];
    assert.deepEqual(readableLines(kept.join("\n")), kept);
    const many = Array.from({ length: 15 }, (_, i) => `line ${i}`);
    assert.deepEqual(readableLines(many.join("\n")), many.slice(3));
    assert.deepEqual(readableLines(""), []);
  });
});
