/** What every committed notebook is held to, and how one is run from its first cell to its last. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { outputText } from "../jupyterlab/lab";
import type { TestKernel } from "../kernel/client";
import { codeCells, sourceOf } from "./cells";
import { type Sizes, writeRandomPhi3 } from "./phi3";
import { startKernel } from "./run";

/** Runs every cell; what the names in `asked` then hold. */
export async function runNotebook(kernel: TestKernel, file: string, asked: string): Promise<Record<string, unknown>> {
  for (const source of codeCells(file).map(sourceOf)) {
    const { reply } = await kernel.execute(source, {}, 300_000);
    assert.equal(reply.status, "ok", `${source}\n${reply.evalue}`);
  }
  const { stdout } = await kernel.execute(`console.log(JSON.stringify({ ${asked} }))`);
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** The same on random weights with Phi-3's vocabulary and tokenizer, which show that the cells run, and no more. */
export async function runOnRandom(file: string, sizes: Sizes, asked: string): Promise<Record<string, unknown>> {
  const folder = mkdtempSync(join(tmpdir(), "phi3lab-notebook-"));
  try {
    await writeRandomPhi3(folder, sizes);
    const kernel = await startKernel(folder);
    try {
      return await runNotebook(kernel, file, asked);
    } finally {
      await kernel.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The text of all outputs of a notebook that ran from top to bottom, without an error, and is smaller than 1 MB. */
export function committedText(file: string): string {
  const cells = codeCells(file);
  assert.deepEqual(
    cells.map((cell) => cell.execution_count),
    cells.map((_, i) => i + 1),
  );
  for (const { outputs } of cells) for (const output of outputs) assert.notEqual(output.output_type, "error");
  assert.ok(statSync(file).size < 1_000_000, `${statSync(file).size} bytes`);
  return cells.map(({ outputs }) => outputText(outputs)).join("\n");
}

/** No cell names a layer or a head by a number: another model's are others. */
export function checkNoPlaces(file: string): void {
  for (const source of codeCells(file).map(sourceOf))
    assert.doesNotMatch(source, /(steer|project_out)\(\d|layers?: \[?\d|heads?: \[?\d|model\.layers\.\d|L\d+H\d/);
}
