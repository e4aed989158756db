/** The native half's fuzzer: a program with AddressSanitizer and UndefinedBehaviorSanitizer, on each of the processor's paths. */
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { buildProgram } from "../../scripts/program.mjs";
import { addon } from "../../scripts/setup/places.mjs";

/** Bytes that one allocation may take: what a hostile configuration asks beyond is refused, as where there is no memory. */
const largest = 2048;

/** Rounds that no job gets through: each begins so many seeds behind the one before. */
const apart = 1_000_000;

/**
 * Runs it for so long in all, so many at once; gives how often it broke. A finding is told with its round's seed; once it
 * is understood, test/fuzz/native/known.cc makes the call.
 */
export async function fuzzNative({ minutes, seed, jobs = 1 }) {
  const sanitize = "address,undefined";
  const program = buildProgram({
    source: "test/fuzz/native",
    target: "native_fuzz",
    build: "build-sanitize/native_fuzz",
    sanitize,
  });
  const { paths } = createRequire(import.meta.url)(addon).cpu();
  let findings = 0;
  for (const path of paths) {
    const until = Date.now() + (60_000 * minutes) / paths.length;
    const job = async (number) => {
      const first = seed + apart * number;
      for (let from = first; Date.now() < until; ) {
        const { code, last, output } = await run(program, path, (until - Date.now()) / 1000, from);
        if (code === 0) {
          console.log(`native, ${path}: ${output.trim().split("\n").at(-2)} (seed ${first})`);
          return;
        }
        findings++;
        console.log(`\nnative, ${path}: ended with ${code} at seed ${last}\n${output}`);
        from = last + 1;
      }
    };
    await Promise.all(Array.from({ length: jobs }, (_, number) => job(number)));
  }
  return findings;
}

/** Runs the program from a seed on; `last` is the seed of its last round. */
export function run(program, path, seconds, seed) {
  return new Promise((done, fail) => {
    const child = spawn(program, [String(seconds), String(seed)], {
      env: {
        ...process.env,
        PHI3LAB_CPU: path,
        ASAN_OPTIONS: `detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=${largest}:hard_rss_limit_mb=6000`,
        UBSAN_OPTIONS: "print_stacktrace=1:halt_on_error=1",
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let last = seed;
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => {
      for (const line of String(chunk).split("\n")) {
        const found = /^seed (\d+)$/.exec(line)?.[1];
        if (found !== undefined) last = Number(found);
        // Of a stack its upper frames, which are ours.
        else if (
          line !== "" &&
          !/^ +#([6-9]|\d\d) /.test(line) &&
          output.length < 20_000 &&
          !/WARNING: AddressSanitizer failed to allocate/.test(line)
        )
          output += `${line}\n`;
      }
    });
    child.once("error", fail);
    child.once("close", (status, signal) => done({ code: signal ?? status, last, output }));
  });
}
