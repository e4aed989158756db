/**
 * A kernel and its client, for `npm run bench -- kernel`: ARGV is JSON of the kernel's command line with
 * `{connection_file}` in it, CELL the first cell. Prints `{ first }`, the milliseconds from the process's start to the end of
 * that cell, and then a line of JSON for each line of work.
 */
import { readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { TestKernel } from "../../test/kernel/client";

/** One of: run `cell`; complete at the end of `complete`, `during` another cell; tell the `memory` of all processes. */
interface Work {
  cell?: string;
  complete?: string;
  during?: string;
  memory?: boolean;
}

/** A cell may take this long, in milliseconds. */
const PATIENCE_MS = 120_000;
/** What was published may arrive so much later than the reply, in milliseconds. */
const IDLE_MS = 50;

/** Resident memory of a process and its descendants, in megabytes; a file that several have mapped, Node.js itself, counts once. */
function memoryOf(root: number): number {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch {
      // It has ended meanwhile.
    }
  }
  const all = (pid: number): number[] => [pid, ...(children.get(pid) ?? []).flatMap(all)];
  let kilobytes = 0;
  const files = new Map<string, number>();
  for (const pid of all(root)) {
    const own = new Map<string, number>();
    let file = "";
    for (const line of readFileSync(`/proc/${pid}/smaps`, "utf8").split("\n")) {
      file =
        /^[\da-f]+-[\da-f]+ \S+ \S+ \S+ [1-9]\d*\s+(\S.*)$/.exec(line)?.[1] ?? (/^[\da-f]+-/.test(line) ? "" : file);
      const resident = Number(/^Rss:\s+(\d+)/.exec(line)?.[1] ?? 0);
      if (file === "") kilobytes += resident;
      else own.set(file, (own.get(file) ?? 0) + resident);
    }
    for (const [path, resident] of own) files.set(path, Math.max(files.get(path) ?? 0, resident));
  }
  return (kilobytes + [...files.values()].reduce((a, b) => a + b, 0)) / 1024;
}

let started: TestKernel | undefined;

async function main(): Promise<void> {
  const [template, first] = process.argv.slice(2) as [string, string];
  const began = performance.now();
  const kernel = await TestKernel.start({
    cwd: process.cwd(),
    command: (argv) =>
      (JSON.parse(template) as string[]).map((part) => part.replace("{connection_file}", argv.at(-1) ?? "")),
  });
  started = kernel;
  const run = async (code: string): Promise<{ ms: number; stdout: string }> => {
    kernel.log.length = 0;
    const start = performance.now();
    const id = await kernel.submit(code);
    const reply = await kernel.reply(id, PATIENCE_MS);
    const ms = performance.now() - start;
    // tslab loses a message now and then, and with it the end of a cell.
    await kernel.idle(id, IDLE_MS).catch(() => undefined);
    const text = (name: string): string =>
      kernel
        .of(id)
        .map(({ content }) => (content.name === name ? content.text : ""))
        .join("");
    const stdout = text("stdout");
    if (reply.status !== "ok") throw new Error(`${reply.ename}: ${reply.evalue ?? text("stderr")}`);
    return { ms, stdout };
  };
  const complete = async (code: string): Promise<{ ms: number; matches: number }> => {
    const start = performance.now();
    const id = await kernel.send("shell", "complete_request", { code, cursor_pos: code.length });
    const { matches } = await kernel.reply(id, PATIENCE_MS);
    return { ms: performance.now() - start, matches: matches.length };
  };
  const say = (value: object): void => console.log(JSON.stringify(value));
  await run(first);
  say({ first: performance.now() - began });
  for await (const line of createInterface({ input: process.stdin })) {
    const work = JSON.parse(line) as Work;
    if (work.memory) {
      say({ mb: memoryOf(kernel.process.pid as number) });
    } else if (work.complete !== undefined && work.during !== undefined) {
      const id = await kernel.submit(work.during);
      await sleep(100); // It computes.
      const answer = await complete(work.complete);
      await kernel.reply(id, PATIENCE_MS);
      say(answer);
    } else {
      say(work.complete === undefined ? await run(work.cell ?? "") : await complete(work.complete));
    }
  }
  await kernel.stop();
}

main().catch((error: unknown) => {
  console.error(error);
  started?.process.kill("SIGKILL");
  process.exit(1);
});
