/** The committed chapter, and the chapter on the real Phi-3-mini wherever that lies in the cache. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import book from "../../scripts/verify/book.json";
import { resolveModel } from "../../src/hub/resolve";
import { outputText } from "../jupyterlab/lab";
import { chapter, codeCells, holds, sourceOf } from "./cells";

const { model: phi3 } = book;
const root = resolve(__dirname, "../..");

describe("the chapter's notebook", () => {
  it("has the book's three prompts to the letter", () => {
    const source = codeCells(chapter).map(sourceOf).join("\n");
    for (const prompt of Object.values(book.prompts)) assert.ok(source.includes(`const prompt = "${prompt}";`), prompt);
  });

  it("is committed as it ran from top to bottom, without an error, in less than 300 kB", () => {
    const cells = codeCells(chapter);
    assert.deepEqual(
      cells.map((cell) => cell.execution_count),
      cells.map((_, i) => i + 1),
    );
    for (const { outputs } of cells) for (const output of outputs) assert.notEqual(output.output_type, "error");
    // What a reader sees of each cell who does not run it.
    const seen = (part: string | RegExp) =>
      outputText(cells.find((cell) => holds(sourceOf(cell), part))?.outputs ?? []);
    assert.match(seen("from_pretrained"), /^Model: SmolLM2-135M-Instruct[\s\S]*Loading checkpoint shards: 100%.*1\/1/);
    assert.match(seen("console.log(output"), /Dear Sarah/);
    assert.match(
      seen(/^model$/),
      /^LlamaForCausalLM\(\n[\s\S]*\n {2}\(lm_head\): Linear\(in_features=576, out_features=49152, bias=False\)\n\)$/,
    );
    assert.equal(seen("model_output[0].shape"), "[ 1, 5, 576 ]");
    assert.equal(seen("lm_head_output.shape"), "[ 1, 5, 49152 ]");
    assert.equal(seen("tokenizer.decode(token_id)"), "' Paris'");
    assert.match(seen("plotNextToken(lm_head_output"), /^␣Paris +77\.3% /m);
    for (const cell of ["// with the cache", "// without the cache"])
      assert.match(seen(cell), / per loop \(mean ± std\. dev\. of 7 runs, 1 loop each\)\n$/);
    assert.match(seen("plotTimings({ cached"), /without the cache it takes \d+ times as long$/);
    assert.match(seen("model.profile("), /^100 passes in [\s\S]*\nIn all the memory is read at \d+% of the stream: /);
    assert.match(seen("profile.plot()"), /^Where the time goes: 100 passes/);
    assert.ok(statSync(chapter).size < 300_000, `${statSync(chapter).size} bytes`);
  });
});

describe("the chapter on Phi-3-mini-4k-instruct", function () {
  this.timeout(3_600_000);

  it("gives the book's shapes, token and text", async function () {
    const cached = await resolveModel(phi3, { local_files_only: true }).catch(() => undefined);
    if (!cached) {
      console.log(`    skipped: ${phi3} is not in the cache; \`hf download ${phi3}\` brings it (7.6 GB)`);
      this.skip();
    }
    const out = mkdtempSync(join(tmpdir(), "phi3lab-phi3-"));
    try {
      const run = spawnSync(process.execPath, [join(root, "scripts", "chapter.mjs"), chapter, "--out", out], {
        encoding: "utf8",
        env: { ...process.env, PHI3LAB_MODEL: phi3 },
      });
      assert.equal(run.status, 0, run.stdout + run.stderr);
      const text = outputText(
        codeCells(join(out, "looking_inside_transformers.ipynb")).flatMap((cell) => cell.outputs),
      );
      for (const shape of [book.hidden_shape, book.logits_shape])
        assert.ok(text.includes(`[ ${shape.join(", ")} ]`), text);
      assert.ok(text.includes(`'${book.token.text}'`), text);
      assert.ok(text.includes(book.opening), text);
      assert.ok(text.includes(book.tree.join("\n")), text);
    } finally {
      rmSync(out, { recursive: true, force: true });
    }
  });
});
