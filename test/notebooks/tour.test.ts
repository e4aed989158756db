/** The tour of the kernel: as it is committed, and as it runs without a front end that answers or draws. */
import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { createRegistry } from "../../kernel/magics/table";
import type { Output } from "../jupyterlab/lab";
import { type Content, type Execution, TestKernel } from "../kernel/client";
import { sourceOf } from "./cells";
import { checkTour, tour, tourCells, type TourOutputs } from "./tour";

const code = () => tourCells().filter(({ cell_type }) => cell_type === "code");

describe("the tour of the kernel", function () {
  this.timeout(180_000);

  it("is committed as it ran from top to bottom, with every output, in less than 350 kB", () => {
    assert.deepEqual(
      code().map((cell) => cell.execution_count),
      code().map((_, i) => i + 1),
    );
    checkTour(new Map(code().map(({ id, outputs }) => [id, outputs])));
    assert.ok(statSync(tour).size < 350_000, `${statSync(tour).size} bytes`);
  });

  it("names every magic that the kernel has, and everything that display shows", () => {
    const sources = code().map(sourceOf).join("\n");
    for (const { name } of createRegistry().all) assert.match(sources, new RegExp(`(^|[^%])%%?${name}\\b`, "m"), name);
    for (const name of ["table", "image", "markdown", "latex", "svg", "json", "full"])
      assert.ok(sources.includes(`display.${name}(`), name);
    for (const name of ["html`", "md`", "progress(", 'Symbol.for("Jupyter.display")', "toHTML()", "registerMagic("])
      assert.ok(sources.includes(name), name);
  });

  it("runs without a model, in any folder, and leaves nothing there", async () => {
    const kernel = await TestKernel.start({ env: { HF_HUB_OFFLINE: "1", HF_HOME: join("/", "nowhere") } });
    try {
      const shown = new Map<string, Output[]>();
      for (const cell of code()) {
        // As nbclient asks: nobody answers, and what comes after the cell is lost.
        const options = { allow_stdin: false, stop_on_error: false };
        shown.set(cell.id, outputsOf(await kernel.execute(sourceOf(cell), options, 60_000)));
      }
      checkTour(shown as TourOutputs);
      assert.ok(!existsSync(join(kernel.folder, "tour_greeting.ts")));
    } finally {
      await kernel.stop();
    }
  });
});

/** What a notebook would keep of a cell's messages: streams joined, displays in their latest form. */
function outputsOf({ messages }: Execution): Output[] {
  const outputs: Output[] = [];
  const displayed = new Map<string, Output>();
  for (const { header, content } of messages) {
    const id = (content.transient as Content | undefined)?.display_id as string | undefined;
    const last = outputs.at(-1);
    if (header.msg_type === "stream" && last?.output_type === "stream" && last.name === content.name)
      last.text = `${last.text}${content.text}`;
    else if (header.msg_type === "update_display_data")
      Object.assign(displayed.get(id ?? "") ?? {}, { data: content.data });
    else if (/^(stream|execute_result|display_data|error)$/.test(header.msg_type)) {
      const output = { output_type: header.msg_type, ...content } as Output;
      outputs.push(output);
      if (id !== undefined) displayed.set(id, output);
    }
  }
  return outputs;
}
