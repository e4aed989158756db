/** The rows that are no plain rate: each gives {measured, share, values}, the last for the JSON. */
import { execFileSync, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { median, medianAndBest, percent } from "./runner.mjs";
import { cellTimes, sessionTimes } from "./session.mjs";

const programs = join(dirname(fileURLToPath(import.meta.url)), "programs");
const require = createRequire(import.meta.url);
const node = (...args) =>
  JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" }).trim().split("\n").at(-1));
const mib = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/** Memory and idleness are of one process. */
let cost;
const costOf = (model) => {
  cost ??= node("--expose-gc", join(programs, "cost.mjs"), model);
  return cost;
};

export const costs = {
  async cell({ model, rounds }) {
    const place = { device: "cpu", dtype: "auto" };
    const opened = await require("../dist/src/weights/index.js").openWeights(model);
    // Before and after, so that a machine that slows down meanwhile does so for both.
    const before = sessionTimes(opened, place, rounds);
    const cell = cellTimes(model, { device: "cpu" }, rounds);
    const native = [...before, ...sessionTimes(opened, place, rounds)];
    if (cell.length === 0) throw new Error("the kernel's packages are not installed");
    return {
      measured: `${median(cell).toFixed(0)} (${Math.min(...cell).toFixed(0)}) ms`,
      share: `${(median(cell) / median(native)).toFixed(3)} × C++, ${median(native).toFixed(0)} ms`,
      values: { cell, native },
    };
  },
  async memory({ model }) {
    const { grown, weights, cache } = costOf(model);
    const beyond = grown - 1.15 * weights - cache;
    return {
      measured: mib(grown),
      share: `1.15 × ${mib(weights)} + ${mib(cache)} ${beyond < 0 ? "−" : "+"} ${mib(Math.abs(beyond))}`,
      values: { grown, weights, cache },
    };
  },
  async load({ model, rounds }) {
    const times = Array.from({ length: rounds + 1 }, () => node(join(programs, "first_token.mjs"), model)).slice(1);
    return {
      measured: `${(median(times) / 1000).toFixed(3)} (${(Math.min(...times) / 1000).toFixed(3)}) s`,
      share: "",
      values: { times },
    };
  },
  async turns({ model, rounds }) {
    const { kept, anew, tokens } = node(join(programs, "turns.mjs"), model, String(rounds));
    return {
      measured: `${median(kept).toFixed(1)} (${Math.min(...kept).toFixed(1)}) ms`,
      share: `${percent(median(kept) / median(anew))} of the ${median(anew).toFixed(0)} ms without the first turn's cache; ${tokens.fresh} of its ${tokens.all} tokens are new`,
      values: { kept, anew, tokens },
    };
  },
  async idle({ model }) {
    const { idle } = costOf(model);
    return { measured: percent(idle), share: "", values: { idle } };
  },
  async neighbour({ ours, rounds }) {
    const rate = async () => (await ours.ask({ prompt: 24, decode: 100 })).rate;
    const [alone, beside] = [[], []];
    await rate();
    for (let round = 0; round < rounds; round++) {
      alone.push(await rate());
      const burner = spawn(process.execPath, ["-e", "for (;;);"], { stdio: "ignore" });
      try {
        await new Promise((done) => setTimeout(done, 200)); // until it burns
        beside.push(await rate());
      } finally {
        burner.kill("SIGKILL");
      }
    }
    return {
      measured: `${medianAndBest(beside)} tokens/s`,
      share: `${percent(median(beside) / median(alone))} of the speed alone, ${median(alone).toFixed(0)}`,
      values: { alone, beside },
    };
  },
};
