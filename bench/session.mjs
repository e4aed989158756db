/** A generation without a caller's JavaScript around it, and the same from a notebook cell: what a cell adds. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildProgram } from "./build.mjs";

const folder = dirname(fileURLToPath(import.meta.url));
const run = (program, args, options = {}) =>
  execFileSync(program, args, { encoding: "utf8", maxBuffer: 1 << 26, stdio: ["pipe", "pipe", "inherit"], ...options });

/** Milliseconds of 24 + 100 tokens from C++, `rounds` times after one that warms up; `place` is {device, dtype}. */
export function sessionTimes({ architecture, files, weights }, { device, dtype }, rounds) {
  const { rotary, windows, ...sizes } = architecture;
  const numbers = Object.entries({ ...sizes, rotary_dims: rotary.dims, rotary_factor: rotary.factor });
  const input = [
    `place ${device} ${dtype}`,
    ...numbers.map(([name, value]) => `config ${name} ${value}`),
    `frequencies ${rotary.frequencies.join(" ")}`,
    `windows ${windows.join(" ")}`,
    ...files.map((file) => `file ${file}`),
    ...weights.flatMap(({ role, layer, parts }) => [
      `weight ${role} ${layer}`,
      ...parts.map(
        ({ type, file, offset, shape, interleaved_heads = 0 }) =>
          `part ${type} ${file} ${offset} ${interleaved_heads} ${shape.join(" ")}`,
      ),
    ]),
    `generate 24 100 1 ${rounds + 1}`,
  ];
  const output = run(buildProgram(device, "session"), [], { input: `${input.join("\n")}\n` });
  return output.trim().split("\n").map(Number).slice(1);
}

/** Milliseconds of 24 + 100 tokens from a cell of the kernel; none where the kernel's packages are not installed. */
export function cellTimes(model, place, rounds) {
  const root = join(folder, "..");
  if (!existsSync(join(root, "node_modules", "zeromq"))) return [];
  const tsx = ["--require", "tsx", join(folder, "programs", "cell.ts")];
  const args = [...tsx, model, JSON.stringify(place), "24", "100", String(rounds + 1)];
  const output = run(process.execPath, args, { cwd: root });
  return JSON.parse(output.trim().split("\n").at(-1)).slice(1);
}
