/** Options that have a name: what is checked at run time, and what does not compile. */
import assert from "node:assert/strict";
import { checkOptions, type OptionNames, pickOptions } from "../../src/options";

interface Some {
  width?: number;
  height?: number;
}
const names: OptionNames<Some> = { width: true, height: true };

describe("options", () => {
  it("that do not exist are an error with the nearest that does, or with all that do", () => {
    checkOptions(undefined, names, "draw");
    checkOptions<Some>({ width: 1 }, names, "draw");
    assert.throws(
      () => checkOptions({ widht: 1 } as Some, names, "draw"),
      /draw has no option "widht"; did you mean width\?/,
    );
    assert.throws(() => checkOptions({ colour: 1 } as Some, names, "draw"), /it knows width, height/);
    assert.throws(() => checkOptions({ constructor: 1 } as Some, names, "draw"), /no option "constructor"/);
    for (const [received, given] of Object.entries({ number: 3, null: null, array: [1] }))
      assert.throws(
        () => checkOptions(given as never, names, "draw"),
        new RegExp(`Expected an object with options .* draw but received ${received}`),
      );
  });

  it("are picked for a function that takes some of them", () => {
    const given: Some & { depth: number } = { depth: 3, width: 1 };
    assert.deepEqual(pickOptions<Some>(given, names), { width: 1 });
  });

  it("cannot be forgotten, nor invented, in the list that they are checked by", () => {
    // @ts-expect-error: height is missing
    const forgotten: OptionNames<Some> = { width: true };
    // @ts-expect-error: there is no depth
    const invented: OptionNames<Some> = { width: true, height: true, depth: true };
    assert.ok(forgotten && invented);
  });
});
