/** What a bug report needs to know: versions, the machine, the model's files. */
import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { release, type } from "node:os";
import { basename, join } from "node:path";
import { root } from "../setup/places.mjs";
import { size } from "./report.mjs";

function version() {
  const { version: number } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const git = (...args) => spawnSync("git", ["-C", root, ...args], { encoding: "utf8" });
  const commit = git("rev-parse", "--short=10", "HEAD");
  if (commit.status !== 0) return number;
  const changed = git("status", "--porcelain", "--untracked-files=no").stdout.trim() !== "";
  return `${number} (${commit.stdout.trim()}${changed ? ", changed" : ""})`;
}

/** Settings of ours that change what is computed, where they are set. */
const settings = ["PHI3LAB_CPU", "PHI3LAB_THREADS", "PHI3LAB_CUDA_ARCH"];

/** Rows on the machine and the programs. */
export function machine({ devices }) {
  const rows = [
    ["phi3lab", version()],
    ["Node", `${process.version} ${process.platform} ${process.arch}`],
    ["system", `${type()} ${release()}`],
  ];
  const found = devices();
  for (const device of found) {
    const gigabytes = `${(device.memory_total / 2 ** 30).toFixed(0)} GiB`;
    if (device.type === "cpu")
      rows.push(["CPU", `${device.name}, ${device.threads} threads, path ${device.path}, ${gigabytes}`]);
    else
      rows.push([
        `GPU ${device.index}`,
        `${device.name}, capability ${device.capability}, CUDA ${device.driver}, ${gigabytes}`,
      ]);
  }
  if (found.cuda_problem !== undefined) rows.push(["GPU", `none: ${found.cuda_problem}`]);
  const set = settings.filter((name) => process.env[name] !== undefined);
  if (set.length > 0) rows.push(["set", set.map((name) => `${name}=${process.env[name]}`).join(" ")]);
  return rows;
}

/** Whether most of a model's matrices are in fewer than 16 bits a number. */
export function isQuantised({ weights }) {
  const matrices = weights.flatMap(({ parts }) => parts).filter(({ shape: { length } }) => length > 1);
  return 2 * matrices.filter(({ type: name }) => !/^(F32|F16|BF16|F64)$/.test(name)).length > matrices.length;
}

/** Rows on a model's weight files: names, sizes, and how many tensors are of which type. */
export function modelFiles({ files, weights }) {
  const rows = files.map((file) => [basename(file), size(statSync(file).size)]);
  const counts = new Map();
  for (const { parts } of weights) for (const part of parts) counts.set(part.type, (counts.get(part.type) ?? 0) + 1);
  const types = [...counts].sort((a, b) => b[1] - a[1]).map(([name, count]) => `${name} ${count}`);
  return [...rows, ["tensors", types.join(", ")]];
}

/** The sizes that tell which model it is, in one line. */
export function shape(config) {
  const heads = `${config.num_attention_heads} heads on ${config.num_key_value_heads} of ${config.head_dim}`;
  const sizes = `hidden ${config.hidden_size}, ffn ${config.intermediate_size}, vocabulary ${config.vocab_size}`;
  const reach = `context ${config.max_position_embeddings}, window ${config.sliding_window ?? "none"}`;
  return `${config.model_type}: ${config.num_hidden_layers} layers, ${heads}, ${sizes}, ${reach}`;
}
