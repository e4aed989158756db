/** The table of cases an operation (test/native/ops) on every backend: each verb against its definition in double. */
import { addon } from "../../src/native";
import { asCapability, needGpu } from "./places";
import { expectOk, program } from "./programs";

const last = /^[1-9]\d* passed, 0 failed$/;

describe("every verb of a backend is what its definition says, in some thousand cases", function () {
  this.timeout(600_000);
  let path: string;

  before(async () => {
    path = await program("test/native/ops", "ops_test", { gpu: true });
  });

  for (const name of addon().cpu().paths)
    it(`on the CPU's path "${name}", with keys and values in float32 and in float16`, async () => {
      const run = (...args: string[]) => expectOk(path, ["--device=cpu", ...args], last, { PHI3LAB_CPU: name });
      const half = async () => {
        for (const only of ["append", "att"]) await run("--kv=float16", `--only=${only}`);
      };
      // Most of the time goes into the definition, on one thread: the two need hardly longer than one.
      await Promise.all([run(), half()]);
    });

  for (const dtype of ["float32", "bfloat16", "float16"])
    it(`on the GPU in ${dtype}`, async function () {
      needGpu(this);
      await expectOk(path, ["--device=cuda", `--dtype=${dtype}`], last);
    });

  for (const dtype of ["bfloat16", "float16"])
    it(`on the GPU in ${dtype} without cuBLASLt`, async function () {
      needGpu(this);
      await expectOk(path, ["--device=cuda", `--dtype=${dtype}`], last, { PHI3LAB_CUBLASLT: "off" });
    });

  // Capabilities whose kernels differ, with their shared memory; of the others every kernel once.
  for (const arch of ["portable", "8.6", "12.0", "7.5", "8.0", "8.9"])
    for (const dtype of ["float32", "bfloat16", "float16"])
      it(`on the GPU in ${dtype}, as ${arch}`, async function () {
        needGpu(this);
        const quick = ["7.5", "8.0", "8.9"].includes(arch) ? ["--quick"] : [];
        await expectOk(path, ["--device=cuda", `--dtype=${dtype}`, ...quick], last, asCapability(arch));
      });
});
