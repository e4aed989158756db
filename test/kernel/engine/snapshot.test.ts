import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packageRoot } from "../../../kernel/engine/packages";

const compiler = join(packageRoot, "dist", "kernel", "engine", "compiler");
const SNAPSHOT = join(compiler, "snapshot.js");

/** What a compiler answers that a process of its own starts, as JSON. */
const CLIENT = `
const { CompilerProcess } = require(${JSON.stringify(join(compiler, "client.js"))});
const folder = process.argv[1];
const { compiler } = new CompilerProcess({ folder, language: "typescript" });
(async () => {
  const first = await compiler.cell("const numbers: number[] = [1, 2];");
  await compiler.keep(first.id);
  const right = await compiler.cell("numbers.map((each) => each.toFixed(1)); new URL('http://x');");
  const wrong = await compiler.cell("const text: string = numbers[0]; const one = undefined as string | undefined; one.length");
  const about = await compiler.inspect("structuredClone", 3);
  console.log(JSON.stringify({ right: right.errors, wrong: wrong.errors.map(({ message }) => message), about }));
  process.exit();
})();`;

describe("the compiler's snapshot", function () {
  this.timeout(120_000);
  let cache: string;
  let folder: string;
  const env = (): NodeJS.ProcessEnv => ({ ...process.env, XDG_CACHE_HOME: cache });
  const snapshots = (): string[] => readdirSync(join(cache, "phi3lab")).map((name) => join(cache, "phi3lab", name));
  const make = (): void => {
    const made = spawnSync(process.execPath, [SNAPSHOT], { env: env(), encoding: "utf8" });
    assert.equal(made.stderr, "");
  };
  const ask = (): { right: unknown[]; wrong: string[]; about?: string } => {
    const { stdout, stderr } = spawnSync(process.execPath, ["-e", CLIENT, folder], { env: env(), encoding: "utf8" });
    assert.ok(stdout !== "", stderr);
    return JSON.parse(stdout);
  };

  beforeEach(() => {
    cache = mkdtempSync(join(tmpdir(), "phi3lab-snapshot-"));
    folder = mkdtempSync(join(tmpdir(), "phi3lab-folder-"));
  });
  afterEach(() => {
    rmSync(cache, { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
  });

  it("changes no answer of the compiler, in any folder and with any tsconfig.json", () => {
    const without = ask();
    assert.deepEqual(without.right, []);
    assert.equal(without.wrong.length, 1);
    assert.match(without.about ?? "", /structuredClone/);
    make();
    assert.equal(snapshots().length, 1);
    assert.deepEqual(ask(), without);
    assert.ok(statSync(snapshots()[0] as string).size > 0, "Node.js did not start from it");

    writeFileSync(join(folder, "tsconfig.json"), '{ "compilerOptions": { "strict": true, "lib": ["es2015"] } }');
    const strict = ask();
    assert.ok(strict.wrong.includes("'one' is possibly 'undefined'."), strict.wrong.join("\n"));
    rmSync(join(cache, "phi3lab"), { recursive: true });
    assert.deepEqual(ask(), strict);
  });

  it("is given up, and the compiler started without it, when it is damaged", () => {
    make();
    const [snapshot = ""] = snapshots();
    truncateSync(snapshot, 1_000_000);
    assert.deepEqual(ask().right, []);
    assert.equal(statSync(snapshot).size, 0);
    make();
    assert.equal(statSync(snapshot).size, 0, "it would be damaged again");
    assert.deepEqual(ask().right, []);
  });
});
