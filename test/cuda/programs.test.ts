/** What a prompt on the GPU is made of: the tensor cores' products, and the steps between them. */
import { needGpu } from "../native/places";
import { expectOk, program } from "../native/programs";

const last = /^[1-9]\d* passed, 0 failed$/;

describe("the CUDA backend's parts", function () {
  this.timeout(600_000);

  it("know what each compute capability has, and refuse those that are unknown or beyond the GPU", async function () {
    const { withCuda } = await import("../../scripts/program.mjs");
    if (!withCuda() && process.env.PHI3LAB_TEST_PROGRAMS === undefined) return needGpu(this, { real: true });
    await expectOk(await program("test/cuda", "kernel_set_test", { gpu: true }), [], last);
  });

  it("multiply on tensor cores as a slow kernel does, our own products and cuBLASLt's", async function () {
    needGpu(this, { real: true });
    await expectOk(await program("test/cuda", "gemm_test", { gpu: true }), [], last);
  });

  it("norm, rotate, attend and gate a prompt as naive twins do", async function () {
    needGpu(this, { real: true });
    await expectOk(await program("test/cuda", "prompt_test", { gpu: true }), [], last);
  });
});
