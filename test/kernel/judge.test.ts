/** jupyter_kernel_test, Jupyter's own test suite for kernels, as an independent judge. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { kernelCommand } from "./client";

const python = resolve(__dirname, "../../.venv/bin/python");

describe("jupyter_kernel_test", function () {
  this.timeout(180_000);

  it("finds nothing wrong with the kernel", function () {
    if (!existsSync(python)) {
      console.log("      skipped: no .venv with jupyter_kernel_test; node scripts/setup.mjs brings it");
      this.skip();
    }
    const folder = mkdtempSync(join(tmpdir(), "phi3lab-judge-"));
    try {
      const spec = join(folder, "kernels", "phi3lab-test");
      mkdirSync(spec, { recursive: true });
      const kernel = { argv: kernelCommand("{connection_file}"), display_name: "test", language: "typescript" };
      writeFileSync(join(spec, "kernel.json"), JSON.stringify({ ...kernel, interrupt_mode: "message" }));
      const run = spawnSync(python, [join(__dirname, "judge_kernel.py"), "-v"], {
        cwd: folder,
        env: { ...process.env, JUPYTER_PATH: folder },
        encoding: "utf8",
        timeout: 170_000,
      });
      assert.equal(run.status, 0, run.stderr);
      const [, count] = /Ran (\d+) tests/.exec(run.stderr) ?? [];
      assert.ok(Number(count) >= 12, run.stderr);
      assert.doesNotMatch(run.stderr, /FAIL|ERROR/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
