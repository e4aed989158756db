/** Magics that IPython has do here what they do there; see test/golden/make_magics.py. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { elsewhere } from "../../../kernel/magics/elsewhere";
import { readOptions } from "../../../kernel/magics/options";
import { createRegistry } from "../../../kernel/magics/table";
import type { MagicContext } from "../../../src/magic";
import { TestKernel } from "../client";

interface Case {
  name: string;
  cells: string[];
  stdout: string;
  value: unknown;
  load: string | null;
  files: Record<string, string>;
}
const golden = JSON.parse(readFileSync(join(__dirname, "../../golden/magics.json"), "utf8")) as {
  magics: Record<"line" | "cell", string[]>;
  cases: Case[];
};
/** How long something took differs, and what types are called, with the width of their column. */
const comparable = (text: string): string =>
  text
    .replace(/CPU times: .*\nWall time: .*\n/, "")
    .replace(/^(\w+ +)(?:int|number|str|string|list|Array|Type) +/gm, "$1TYPE ")
    .replace(/-{20,}/, "----");

describe("A magic that IPython has", function () {
  this.timeout(60_000);
  let shared: TestKernel;
  before(async () => {
    shared = await TestKernel.start();
  });
  after(() => shared.stop());

  // What has been run is a session's; a magic is given it by hand, where a kernel each would take long.
  const ofHistory = /^(?:history|hist|the last|load of cells)/;
  for (const { name, cells, stdout, load } of golden.cases.filter((each) => ofHistory.test(each.name)))
    it(`gives what IPython gives: ${name}`, async () => {
      const registry = createRegistry();
      const seen = { stdout: "", load: null as string | null };
      const past = cells.map((code, i) => ({
        count: i + 1,
        code,
        output: /^[\d +]+$/.test(code)
          ? String(code.split("+").reduce((sum, part) => sum + Number(part), 0))
          : undefined,
      }));
      const context = {
        history: () => past,
        write: (_stream: string, text: string) => (seen.stdout += text),
        replaceCell: (text: string) => (seen.load = text),
      } as unknown as MagicContext;
      const [, magic = "", line = ""] = /^%(\w+) ?(.*)$/.exec(cells.at(-1) as string) ?? [];
      const found = registry.find(magic, "line");
      await found.run(context, { ...readOptions(found, line), line, body: undefined });
      assert.deepEqual(seen, { stdout, load: load?.replace(/^#/, "//") ?? null });
    });

  // So are its variables, and the folder before: those cases have a kernel each; the others share one.
  const own = /^(?:who|cd and)/;
  for (const { name, cells, stdout, value, load, files } of golden.cases.filter((each) => !ofHistory.test(each.name)))
    it(`gives what IPython gives: ${name}`, async () => {
      const alone = own.test(name);
      const kernel = alone ? await TestKernel.start() : shared;
      const folder = join(realpathSync(kernel.folder), name.replace(/\W/g, "_"));
      mkdirSync(folder, { recursive: true });
      if (!alone) await kernel.execute(`process.chdir(${JSON.stringify(folder)}); delete process.env.GOLDEN;`);
      const base = alone ? realpathSync(kernel.folder) : folder;
      let last: Awaited<ReturnType<TestKernel["execute"]>> | undefined;
      for (const cell of cells) {
        last = await kernel.execute(cell);
        assert.equal(last.reply.status, "ok", `${cell}: ${last.reply.evalue}`);
      }
      const placed = (text: string): string => text.replaceAll("FOLDER", base).replaceAll("PARENT", dirname(base));
      assert.equal(comparable(last?.stdout ?? ""), comparable(placed(stdout)));
      if (value !== null) {
        const shown = typeof value === "string" ? `'${placed(value).replaceAll("\n", "\\n")}'` : String(value);
        assert.equal(last?.result, shown);
      }
      const text = last?.reply.payload[0]?.text;
      // A comment is written otherwise there.
      assert.equal(text?.trimEnd(), load?.replace(/^#/, "//").trimEnd());
      const written = readdirSync(base).filter((file) => file.endsWith(".txt"));
      assert.deepEqual(
        Object.fromEntries(written.map((file) => [file, readFileSync(join(base, file), "utf8")])),
        files,
      );
      if (alone) await kernel.stop();
    });

  it("is here, or says what to use instead", () => {
    const registry = createRegistry();
    for (const kind of ["line", "cell"] as const)
      for (const name of golden.magics[kind])
        if (name !== "!") assert.ok(registry.get(name) ?? elsewhere.get(name), `%${name}`);
  });

  it("is not named as missing where it is here", () => {
    const registry = createRegistry();
    assert.deepEqual(
      [...elsewhere.keys()].filter((name) => registry.get(name)),
      [],
    );
  });
});
