/** What the CPU backend is made of: products on every path in every format, attention, and the thread pool. */
import { expectOk, program } from "../native/programs";

describe("the CPU backend's parts", function () {
  this.timeout(300_000);

  it("multiply in every format on every path as a definition in double does", async () => {
    await expectOk(await program("test/cpu", "matmul_test"), [], /^done$/);
  });

  it("attend with the same numbers to the bit however a text is cut, blind to what a query may not see", async () => {
    await expectOk(await program("test/cpu", "attend_test"), [], /^done$/);
  });

  it("share work between threads that order their writes, report failures and rest when idle", async () => {
    await expectOk(await program("test/cpu", "thread_pool_test"), [], /^done$/);
  });
});
