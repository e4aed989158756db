/** What fuzzing has found stays mended: each kept input is read, or refused with a sentence, and soon. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { expectOk, program } from "../native/programs";

interface Target {
  seeds(): Buffer[];
  run(input: Buffer): unknown;
  refuses(error: Error): boolean;
}
const { makers } = createRequire(__filename)("./targets.cjs") as { makers: Record<string, () => Target> };

/** Milliseconds. */
const longest = 3000;

describe("What fuzzing found of the formats of", function () {
  this.timeout(60_000);
  for (const [format, make] of Object.entries(makers))
    it(`${format} is read, or refused with a sentence, within 3 s`, async () => {
      const target = make();
      const folder = join(__dirname, "corpus", format);
      const kept = existsSync(folder) ? readdirSync(folder) : [];
      const inputs: [string, Buffer][] = [
        ...target.seeds().map((seed, i): [string, Buffer] => [`seed ${i}`, seed]),
        ...kept.map((name): [string, Buffer] => [name, readFileSync(join(folder, name))]),
      ];
      assert.ok(inputs.length > 0);
      for (const [name, input] of inputs) {
        const start = Date.now();
        try {
          await target.run(input);
        } catch (error) {
          assert.ok(error instanceof Error && target.refuses(error), `${name}: ${(error as Error).stack}`);
        }
        assert.ok(Date.now() - start < longest, `${name} took ${Date.now() - start} ms`);
      }
    });
});

describe("The native half under hostile models and calls", function () {
  this.timeout(600_000);

  it("answers each by a result or an exception: what once broke it, and a second's rounds", async () => {
    const path = await program("test/fuzz/native", "native_fuzz");
    await expectOk(path, ["1", "0"], /^done$/);
  });
});
