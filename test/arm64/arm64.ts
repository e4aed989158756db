/** What `npm run test:arm64` asks beyond the tests that every machine runs; not part of `npm test`. */
import assert from "node:assert/strict";
import { addon } from "../../src/native";
import { expectOk, program } from "../native/programs";

describe("on an emulated arm64", function () {
  this.timeout(300_000);

  it("the addon computes with NEON and its dot products", () => {
    assert.equal(process.arch, "arm64");
    assert.equal(addon().cpu().path, "neondotprod");
    assert.deepEqual(addon().cpu().paths, ["portable", "neon", "neondotprod"]);
  });

  it("a processor without dot products multiplies in every format", async () => {
    await expectOk(await program("test/cpu", "matmul_test"), [], /^done$/, { QEMU_CPU: "cortex-a72" });
  });
});
