/**
 * `npm run bench -- kernel`: what a person waits for in a notebook, by this kernel and by tslab's and Deno's, which `--peers`
 * installs into bench/.peers. The kernels take turns, cell after cell. `--cells N` makes the sessions shorter than 1,000 cells.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import * as cells from "./kernel_cells.mjs";
import { installKernels, kernelPeers } from "./peers.mjs";
import { median, percent, start } from "./runner.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tsx = createRequire(import.meta.url).resolve("tsx/cjs");
const ms = (value) => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
/** What else runs makes a cell of some tens of milliseconds half as slow again in many a round: the best of these counts. */
const SPEED_ROUNDS = 15;
const mb = (value) => `${value.toFixed(0)} MB`;

/** As the kernelspec has it. */
const ourArgv = () =>
  JSON.parse(readFileSync(join(root, "kernel", "kernelspec.json"), "utf8")).argv.map((part) =>
    part.replace("{node}", process.execPath).replace("{root}", root),
  );

export async function bench(args) {
  const { values } = parseArgs({
    args,
    options: {
      peers: { type: "boolean", default: false },
      rounds: { type: "string", default: "5" },
      cells: { type: "string", default: "1000" },
      json: { type: "string" },
    },
  });
  if (!(Number(values.cells) >= 200)) throw new Error(`Expected at least 200 for --cells but received ${values.cells}`);
  if (values.peers) installKernels();
  const folder = mkdtempSync(join(tmpdir(), "phi3lab-bench-"));
  writeFileSync(join(folder, "records.json"), cells.json());
  const bench = new Bench(folder, [{ name: "phi3lab", argv: ourArgv() }, ...kernelPeers()], Number(values.rounds));
  try {
    const rows = [
      ...(await bench.starts()),
      ...(await bench.session("light cell", cells.lightCell, Number(values.cells), true)),
      ...(await bench.session("rich cell", cells.richCell, Number(values.cells), false)),
      ...(await bench.single()),
      ...(await bench.speed()),
    ];
    report(bench.names, rows);
    if (values.json) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A row: its title, and what each kernel has, by name. */
class Bench {
  constructor(folder, kernels, rounds) {
    this.folder = folder;
    this.kernels = kernels;
    this.rounds = rounds;
    this.names = kernels.map(({ name }) => name);
  }

  /** Starts a kernel, whose first cell is `first`. */
  #start({ name, argv, missing }, first = cells.lightCell(0)) {
    const program = join(root, "bench", "programs", "kernel.ts");
    const env = { TSX_TSCONFIG_PATH: join(root, "tsconfig.json") };
    return start(name, {
      ...{ command: process.execPath, cwd: this.folder, env, missing },
      args: ["--require", tsx, program, JSON.stringify(argv), first],
    });
  }

  async #startAll(first) {
    const started = [];
    for (const kernel of this.kernels) started.push(await this.#start(kernel, first));
    return started.filter(Boolean);
  }

  /** What `measure(runner)` gives for each, taking turns, `rounds` times; without those that fail. */
  async #turns(runners, rounds, measure) {
    const found = new Map(runners.map(({ name }) => [name, []]));
    for (let round = 0; round < rounds; round++)
      for (const runner of runners) {
        try {
          found.get(runner.name)?.push(await measure(runner, round));
        } catch (error) {
          console.log(`${runner.name}: ${error.message.slice(0, 300)}`);
          found.delete(runner.name);
        }
      }
    return found;
  }

  async starts() {
    console.log("measuring starts …");
    const firsts = await this.#turns(this.kernels, this.rounds, async (kernel) => {
      const runner = await this.#start(kernel);
      if (runner === undefined) throw new Error("it did not start");
      runner.stop();
      return runner.facts.first;
    });
    return [row("from the process's start to the end of the first typed cell", firsts, (all) => ms(median(all)))];
  }

  /** A session of `count` cells: the time of a cell by and by, memory, and completion at its end. */
  async session(title, cell, count, more) {
    console.log(`measuring ${count} times a ${title} …`);
    const runners = await this.#startAll(cell(0));
    const memory = new Map();
    const times = await this.#turns(runners, count - 1, async (runner, i) => {
      const { ms } = await runner.ask({ cell: cell(i + 1) }).catch((error) => {
        throw new Error(`cell ${i + 2}: ${error.message}`);
      });
      if (i + 2 === 100 || i + 2 === count)
        memory.set(runner.name, [...(memory.get(runner.name) ?? []), (await runner.ask({ memory: true })).mb]);
      return ms;
    });
    const left = runners.filter(({ name }) => times.has(name)); // who did not fail
    for (const { name } of runners) if (!times.has(name)) memory.delete(name);
    const at = (n) => (all) => median(all.slice(Math.max(0, n - 21), n - 1));
    const rows = [];
    const points = [...new Set([50, 200, count])].filter((n) => n <= count);
    rows.push(
      row(`a ${title}: the ${points.map((n) => `${n}th`).join(", ")} (median of the 20 before)`, times, (all) =>
        points.map((n) => ms(at(n)(all))).join(", "),
      ),
    );
    rows.push(
      row(
        `a ${title}: the ${count}th against the 50th`,
        times,
        (all) => `${(at(count)(all) / at(50)(all)).toFixed(2)} ×`,
      ),
    );
    if (more) {
      rows.push(
        row(
          `resident, all processes, shared files once, at cell 100 and ${count}`,
          memory,
          ([early, late]) => `${mb(early)} → ${mb(late)} (${percent(late / early - 1)})`,
        ),
      );
      const ask = (during) => (runner, i) => runner.ask({ complete: `item${i % count}.la`, during });
      const spread = (all) => {
        const sorted = all.map(({ ms }) => ms).sort((a, b) => a - b);
        return `${ms(median(sorted))}, 99th of 100 ${ms(sorted[Math.floor(sorted.length * 0.99)])}${all.every(({ matches }) => matches > 0) ? "" : ", without matches"}`;
      };
      rows.push(row("completion of a member, afterwards", await this.#turns(left, 200, ask()), spread));
      rows.push(
        row("the same while a cell computes for 500 ms", await this.#turns(left, 20, ask(cells.busyCell)), spread),
      );
    }
    for (const runner of runners) runner.stop();
    return rows;
  }

  /** Cells that are heavy in one way. */
  async single() {
    console.log("measuring heavy cells …");
    const runners = await this.#startAll();
    const printed = async (runner, cell) => Number((await runner.ask({ cell })).stdout);
    const rows = [
      row(
        "1e6 steps of a top-level loop",
        await this.#turns(runners, this.rounds, (runner) => printed(runner, cells.loopCell)),
        (all) => ms(median(all)),
      ),
      row(
        "a literal of 60,000 numbers",
        await this.#turns(runners, 1, async (runner) => (await runner.ask({ cell: cells.literalCell })).ms),
        (all) => ms(median(all)),
      ),
    ];
    const imported = await this.#turns(runners, this.rounds, async (runner, round) => {
      if (round === 0) await runner.ask({ cell: cells.importCell(runner.name) });
      return (await runner.ask({ cell: cells.importedCell(round) })).ms;
    });
    rows.push(row("a cell that names a JSON import of 1.1 MB", imported, (all) => ms(median(all))));
    for (const runner of runners) runner.stop();
    return rows;
  }

  /** User code against Node's own speed. */
  async speed() {
    console.log("measuring user code …");
    const runners = await this.#startAll();
    const node = {
      name: "node",
      ask: async ({ cell }) => ({ stdout: execFileSync(process.execPath, ["-e", cell]).toString() }),
    };
    const rows = [];
    for (const [title, cell] of [
      ["small objects", cells.allocationCell],
      ["a function of over 10 kB", cells.longFunctionCell],
    ]) {
      const found = await this.#turns([node, ...runners], Math.max(this.rounds, SPEED_ROUNDS), async (runner) =>
        Number((await runner.ask({ cell })).stdout),
      );
      const own = Math.min(...found.get("node"));
      rows.push(
        row(
          `${title}: speed against plain node, each at its best`,
          found,
          (all) => `${(own / Math.min(...all)).toFixed(2)} ×`,
        ),
      );
    }
    for (const runner of runners) runner.stop();
    return rows;
  }
}

/** A row, each kernel's figures said by `say`. */
const row = (title, found, say) => ({
  title,
  said: Object.fromEntries([...found].filter(([, all]) => all.length > 0).map(([name, all]) => [name, say(all)])),
});

function report(names, rows) {
  console.log(`\n${cpus()[0].model.trim()}, ${cpus().length} processors, Node ${process.versions.node}\n`);
  console.log(`| measure | ${names.join(" | ")} |`);
  console.log(`|---|${names.map(() => "---|").join("")}`);
  for (const { title, said } of rows)
    console.log(`| ${[title, ...names.map((name) => said[name] ?? "–")].join(" | ")} |`);
}
