/** Runs of the whole chapter through the real kernel, on any model, and what they show. */
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { type Execution, TestKernel } from "../kernel/client";
import { chapter, codeCells, holds, sourceOf } from "./cells";

const notebooks = resolve(__dirname, "../../notebooks");
/** A kernel in the notebooks' folder whose default model is `model`. */
export const startKernel = (model: string, env: NodeJS.ProcessEnv = {}): Promise<TestKernel> =>
  TestKernel.start({ cwd: notebooks, env: { PHI3LAB_MODEL: model, ...env } });

/** What each code cell of the chapter gave, by words of its source. */
export class ChapterRun {
  constructor(private readonly runs: { source: string; execution: Execution }[]) {}

  /** Runs every cell; `change` may change its source first. */
  static async of(kernel: TestKernel, change = (source: string) => source): Promise<ChapterRun> {
    const runs: { source: string; execution: Execution }[] = [];
    for (const source of codeCells(chapter).map(sourceOf).map(change)) {
      const execution = await kernel.execute(source, {}, 300_000);
      assert.equal(execution.reply.status, "ok", `${source}\n${execution.reply.evalue}`);
      runs.push({ source, execution });
    }
    return new ChapterRun(runs);
  }

  cell(part: string | RegExp): Execution {
    const found = this.runs.find(({ source }) => holds(source, part));
    assert.ok(found, `a cell with ${part}`);
    return found.execution;
  }
  /** The MIME types of the cell's value. */
  types(part: string): string[] {
    const value = this.cell(part).messages.find((message) => message.header.msg_type === "execute_result");
    return Object.keys(value?.content.data ?? {});
  }
}

/** What the chapter shows for a model of this width with Phi-3's vocabulary. */
export function checkChapter(run: ChapterRun, hidden: number): void {
  assert.match(run.cell("console.log(output").stdout, /\S/);
  assert.match(
    run.cell(/^model$/).result ?? "",
    new RegExp(`\\(lm_head\\): Linear\\(in_features=${hidden}, out_features=32064`),
  );
  assert.equal(run.cell("model_output[0].shape").result, `[ 1, 5, ${hidden} ]`);
  assert.equal(run.cell("lm_head_output.shape").result, "[ 1, 5, 32064 ]");
  assert.match(run.cell("tokenizer.decode(token_id)").result ?? "", /^'.*'$/);
  for (const cell of ["// with the cache", "// without the cache"])
    assert.match(run.cell(cell).stdout, / per loop \(mean ± std\. dev\. of 7 runs, 1 loop each\)\n$/);
  for (const cell of ["plotNextToken(lm_head_output", "plotTimings({ cached", ".plot()"])
    assert.ok(run.types(cell).includes("application/vnd.plotly.v1+json"), cell);
  assert.match(run.cell("model.profile(").result ?? "", /^\d+ passes in [\s\S]*norm, gate, up, SwiGLU/);
}

/** What it shows besides where models say "cuda". */
export function checkOnCuda(run: ChapterRun, dtype = "bfloat16"): void {
  assert.match(run.cell("from_pretrained").stdout, new RegExp(`^Device: cuda:0, .+, in ${dtype}\\.$`, "m"));
  assert.match(run.cell("model.profile(").result ?? "", /replayed as one recorded graph, .* ms instead of .* ms/);
}
