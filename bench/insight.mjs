/**
 * What looking inside costs on the CPU, on one thread, by processor time, which other programs disturb less than the clock's,
 * or on the GPU, in bfloat16, by the clock:
 *
 *     npm run bench -- insight [--model FILE] [--device cuda] [--only WORDS] [--rounds N] [--json FILE]
 *
 * Each work takes turns with what it is held to: the same pass with nobody listening, the head's products alone. Memory is
 * what the work adds at its most to what was resident. FILE is SmolLM2's unless it is named;
 * WORDS are part of the rows' titles.
 */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { median } from "./runner.mjs";

const here = dirname(fileURLToPath(import.meta.url));

export async function bench(args) {
  const text = { type: "string" };
  const options = {
    model: text,
    device: { type: "string", default: "cpu" },
    only: text,
    rounds: { type: "string", default: "5" },
    json: text,
  };
  const { values } = parseArgs({ args, options });
  const { smollm2File } = await load("../test/native/smollm2.ts");
  const model = values.model ?? smollm2File();
  if (model === undefined) throw new Error("SmolLM2's file is not there: name one by --model, or run the set-up");
  const { device, rounds } = values;
  if (!["cpu", "cuda"].includes(device)) throw new Error(`Expected --device to be cpu or cuda but received ${device}`);
  const program = ["--expose-gc", join(here, "programs", "insight.mjs"), model, device, rounds, values.only ?? ""];
  const child = spawn(process.execPath, program, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((done) => child.on("close", done));
  console.log(
    device === "cuda"
      ? `Milliseconds, medians of ${rounds}.\n`
      : `Milliseconds of processor time on one thread, medians of ${rounds}; memory in MiB that the work adds.\n`,
  );
  console.log(line("", "ms", "held to", "×", "bound", "MiB"));
  const rows = [];
  for await (const text of createInterface({ input: child.stdout })) {
    const row = JSON.parse(text);
    rows.push(row);
    console.log(shown(row));
  }
  const code = await ended;
  if (code !== 0) throw new Error(`The program that measures ended with ${code}`);
  const missed = rows.filter((row) => isMissed(row)).map(({ title }) => title);
  console.log(missed.length > 0 ? `\nBeyond its bound: ${missed.join("; ")}.` : "\nEverything is within its bound.");
  if (values.json) writeFileSync(values.json, `${JSON.stringify({ model, rows }, undefined, 2)}\n`);
}

/** TypeScript is read by the package that the tests run with. */
async function load(path) {
  createRequire(import.meta.url)("tsx/cjs");
  return createRequire(import.meta.url)(path);
}

/** Ratios are of the same rounds. */
const ratio = ({ own, other }) => median(own.map((ms, round) => ms / other[round]));
const isMissed = (row) => (row.most ? ratio(row) > row.most : row.ms ? median(row.own) > row.ms : false);

function shown(row) {
  const { title, own, other, most, ms, memory } = row;
  const number = (value) => value.toFixed(value < 100 ? 1 : 0);
  const bound = most ? `${most.toFixed(2)} ×` : ms ? `${ms} ms` : "";
  return line(
    title,
    number(median(own)),
    other.length > 0 ? number(median(other)) : "",
    other.length > 0 ? ratio(row).toFixed(3) : "",
    bound,
    memory.bytes === null ? "" : (memory.bytes / 2 ** 20).toFixed(1),
  );
}

function line(title, ...cells) {
  return title.padEnd(64) + cells.map((cell) => cell.padStart(10)).join("");
}
