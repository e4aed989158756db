/**
 * The reference's examples, run as a reader would run them: as cells of one notebook, in the real kernel, on SmolLM2. A
 * type error fails one as it fails a cell, and what stands behind `// => ` or `// prints ` is what the cell shows or
 * prints.
 */
import assert from "node:assert/strict";
import { TestKernel } from "../kernel/client";
import { needSmollm2 } from "../native/smollm2";
import { type Example, readDocstrings } from "./docstrings";

/** Examples that cannot run on every machine, by their first words: their types are checked, and no more. */
const unrun: Record<string, string> = {
  'const model = await AutoModelForCausalLM.from_pretrained("microsoft': "needs a network, and 7.6 GB",
  'const model = await AutoModelForCausalLM.from_pretrained(id, { device: "cuda"': "needs a GPU",
  'const tokenizer = await AutoTokenizer.from_pretrained("microsoft': "needs a network",
};

/** What the first cell makes: an example that makes its own of the same name shall not change the next one's. */
const names = "id, tokenizer, model, prompt, input_ids, logits";

interface Cell {
  code: string;
  /** How what it shows is marked, and what that is. */
  mark?: string;
  wanted?: string;
}

/** An example's lines up to each one that says what is shown. */
function cellsOf(code: string): Cell[] {
  const cells: Cell[] = [];
  let lines: string[] = [];
  for (const line of code.split("\n")) {
    lines.push(line);
    const [, mark, wanted] = /\/\/ (=>|prints) (.*)$/.exec(line) ?? [];
    if (mark === undefined) continue;
    cells.push({ code: lines.join("\n"), mark, wanted });
    lines = [];
  }
  return lines.length > 0 ? [...cells, { code: lines.join("\n") }] : cells;
}

/** One line, with JavaScript's quotes and no spaces inside brackets, however it was laid out. */
function oneLine(text: string): string {
  const line = text.replace(/\s+/g, " ").replaceAll('"', "'").trim();
  return line.replace(/([[{(]) /g, "$1").replace(/ ([\]})])/g, "$1");
}

/** Whether a text is the wanted one, in which `…` stands for anything. */
function isWanted(text: string, wanted: string): boolean {
  const parts = oneLine(wanted).split("…");
  const pattern = parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(".*");
  return new RegExp(`^${pattern}$`).test(oneLine(text));
}

const { first, examples, bare, braced } = readDocstrings();
const reason = ({ code }: Example) => Object.entries(unrun).find(([words]) => code.startsWith(words))?.[1];

describe("The reference", () => {
  it("has an example of every class, function and method", () => {
    assert.deepEqual(bare, []);
  });

  it("names the error of every @throws", () => {
    assert.deepEqual(braced, []);
  });

  it("has every example that is said not to run here", () => {
    const found = examples.map(reason).filter((why) => why !== undefined);
    assert.deepEqual(found.sort(), Object.values(unrun).sort());
  });
});

describe("An example of the reference runs as a cell, and shows what it says:", function () {
  this.timeout(60_000);
  let kernel: TestKernel;

  async function run({ code, mark, wanted = "" }: Cell): Promise<void> {
    const { reply, result, stdout } = await kernel.execute(code, {}, 60_000);
    assert.equal(reply.status, "ok", `${reply.ename}: ${reply.evalue}\nin the cell\n${code}`);
    if (mark === undefined) return;
    const shown = mark === "prints" ? stdout : (result ?? "");
    assert.ok(isWanted(shown, wanted), `Expected ${wanted} but received ${shown}\nin the cell\n${code}`);
  }

  before(async function () {
    // No GPU is seen: numbers and tables are the CPU's, wherever this runs.
    const env = { PHI3LAB_MODEL: needSmollm2(this), CUDA_VISIBLE_DEVICES: "" };
    kernel = await TestKernel.start({ env });
    await run({ code: `${first.code}\nconst begun = { ${names} };` });
  });
  after(() => kernel?.stop());

  for (const [number, example] of examples.entries()) {
    const why = reason(example);
    const before = examples.slice(0, number).filter(({ of }) => of === example.of).length;
    const title = before === 0 ? example.of : `${example.of} (${before + 1})`;
    it(why === undefined ? title : `${title}: types alone, it ${why}`, async () => {
      await run({ code: `const { ${names} } = begun;` });
      if (why !== undefined) await run({ code: `const unrun = async () => {\n${example.code}\n};` });
      else for (const cell of cellsOf(example.code)) await run(cell);
    });
  }
});
