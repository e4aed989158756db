/**
 * `npm run fuzz -- FORMAT [--minutes N] [--jobs N] [--seed N] [--pool FOLDER] [--missed]`: makes inputs of a format for as
 * long, guided by what of the reader they run, and keeps each that breaks it in test/fuzz/corpus, which `npm test` runs.
 * An input must be read or refused with a sentence, in 3 s and 512 MB. `FORMAT` is one of targets.cjs', "native" (the C++
 * half with sanitizers), "readers" (all but native) or "all". Several jobs find for each other; `FOLDER` keeps what they
 * found for the next run; `--missed` lists the lines that never ran.
 */
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fuzz } from "./supervise.mjs";

const { makers } = createRequire(import.meta.url)("./targets.cjs");
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: "string", default: "1" },
    jobs: { type: "string", default: "1" },
    seed: { type: "string" },
    pool: { type: "string" },
    missed: { type: "boolean" },
  },
});
const [format = ""] = positionals;
const [minutes, jobs, seed] = [values.minutes, values.jobs, values.seed ?? Date.now() % 2 ** 31].map(Number);
const readers = Object.keys(makers);
const groups = { readers, all: [...readers, "native"] };
const known = [...readers, "native", ...Object.keys(groups)];
if (!known.includes(format) || !(minutes > 0) || !(jobs >= 1) || ![jobs, seed].every(Number.isInteger)) {
  const received = process.argv.slice(2).join(" ") || "nothing";
  console.error(`Expected one of ${known.join(", ")}, --minutes N and --jobs N, but received ${received}`);
  process.exit(2);
}
if (values.pool !== undefined) mkdirSync(values.pool, { recursive: true });

let findings = 0;
for (const name of groups[format] ?? [format]) {
  if (name === "native") {
    const { fuzzNative } = await import("./native.mjs");
    findings += await fuzzNative({ minutes, seed, jobs });
  } else {
    const pool = values.pool && join(values.pool, `${name}.json`);
    findings += await fuzz({ format: name, minutes, seed, jobs, pool, missed: values.missed === true });
  }
}
process.exit(findings > 0 ? 1 : 0);
