/** What the CPU backend is made of: products on every path in every format, attention, and the thread pool. */
import { addon } from "../../src/native";
import { expectOk, program } from "../native/programs";

describe("the CPU backend's parts", function () {
  this.timeout(300_000);

  it("multiply in every format on every path as a definition in double does", async () => {
    await expectOk(await program("test/cpu", "matmul_test"), [], /^done$/);
  });

  it("multiply in every format by AVX-VNNI, AVX-512 and its VNNI, whose instructions AVX2 stands in for", async function () {
    if (!addon().cpu().paths.includes("avx2")) this.skip();
    const twin = await program("test/cpu/twin", "matmul_twin_test");
    for (const path of ["avxvnni", "avx512", "avx512vnni"]) await expectOk(twin, [path], /^done$/);
  });

  it("attend with the same numbers to the bit however a text is cut, blind to what a query may not see", async () => {
    await expectOk(await program("test/cpu", "attend_test"), [], /^done$/);
  });

  it("share work between threads that order their writes, report failures and rest when idle", async () => {
    await expectOk(await program("test/cpu", "thread_pool_test"), [], /^done$/);
  });
});
