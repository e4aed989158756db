/** Models in several GGUF files, as llama.cpp's gguf-split makes them. */
import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { AutoTokenizer } from "../../../src";
import { openWeights, partsOf } from "../../../src/weights";
import {
  type GgufField,
  type GgufParts,
  gguf,
  refusal,
  temporaryFolder,
  tinyFields,
  tinyGguf,
  tinyTokenizer,
} from "./files";

describe("a GGUF model in parts", () => {
  const folder = temporaryFolder();
  after(() => rmSync(folder, { recursive: true, force: true }));
  beforeEach(() => {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
  });

  const nameOf = (index: number, count = 3): string =>
    join(folder, `tiny-${String(index + 1).padStart(5, "0")}-of-${String(count).padStart(5, "0")}.gguf`);

  /** Writes the tiny Llama as three parts; `change` edits one's fields and tensors. */
  function writeParts(change: (parts: GgufParts, index: number) => void = () => undefined): void {
    const whole = tinyGguf();
    for (let index = 0; index < 3; index++) {
      let offset = 0;
      const tensors = whole.tensors.slice(4 * index, 4 * index + 4).map((tensor) => {
        const at = offset;
        offset += Math.ceil((4 * tensor.shape.reduce((a, b) => a * b, 1)) / 32) * 32;
        return { ...tensor, offset: at };
      });
      const split: GgufField[] = [
        ["split.no", 2, index],
        ["split.count", 2, 3],
        ["split.tensors.count", 5, whole.tensors.length],
      ];
      const fields = index === 0 ? [...tinyFields, ...tinyTokenizer, ...split] : split;
      const parts: GgufParts = { fields, tensors, dataLength: offset };
      change(parts, index);
      writeFileSync(nameOf(index), gguf(parts));
    }
  }
  const setField = (parts: GgufParts, key: string, value: unknown): void => {
    parts.fields = parts.fields.map((field) => (field[0] === key ? [field[0], field[1], value] : field));
  };

  it("loads whole, whichever part is named, and tells of each file's header", async () => {
    writeParts();
    for (const index of [0, 1, 2]) {
      const seen: number[][] = [];
      const { files, weights, config } = await openWeights(nameOf(index), {
        onFile: (done, total) => seen.push([done, total]),
      });
      assert.deepEqual(files, [nameOf(0), nameOf(1), nameOf(2)]);
      assert.deepEqual(
        new Set(partsOf(weights).map(({ name, file }) => [name, file].join(" "))),
        new Set(tinyGguf().tensors.map(({ name }, at) => [name, Math.floor(at / 4)].join(" "))),
      );
      assert.equal(config.hidden_size, 8);
      assert.deepEqual(seen, [
        [1, 3],
        [2, 3],
        [3, 3],
      ]);
    }
  });

  it("has the tokenizer of its first part, even where the others are missing", async () => {
    writeParts();
    const expected = (await AutoTokenizer.from_pretrained(nameOf(0))).encode("abc");
    assert.deepEqual((await AutoTokenizer.from_pretrained(nameOf(2))).encode("abc"), expected);
    rmSync(nameOf(1));
    assert.deepEqual((await AutoTokenizer.from_pretrained(nameOf(0))).encode("abc"), expected);
  });

  it("names the parts that are missing", async () => {
    writeParts();
    rmSync(nameOf(1));
    assert.match(
      await refusal(nameOf(0)),
      /one of 3 parts of a model, and .* lacks tiny-00002-of-00003\.gguf: download it/,
    );
    rmSync(nameOf(0));
    const message = await refusal(nameOf(2));
    assert.match(message, /lacks tiny-00001-of-00003\.gguf, tiny-00002-of-00003\.gguf: download them/);
  });

  it("says what is wrong with a part's name", async () => {
    writeParts((parts) => setField(parts, "split.count", 2));
    assert.match(await refusal(nameOf(0)), /is part 1 of 2 of a model, but its name says part 1 of 3/);
    writeParts((parts) => setField(parts, "split.no", 2));
    assert.match(await refusal(nameOf(0)), /is part 3 of 3 of a model, but its name says part 1 of 3/);
    const parts = tinyGguf();
    const file = join(folder, "renamed.gguf");
    writeFileSync(file, gguf({ ...parts, fields: [...tinyFields, ["split.count", 2, 3], ["split.no", 2, 1]] }));
    assert.match(await refusal(file), /is part 2 of 3 of a model; expected a name like model-00002-of-00003\.gguf/);
  });

  it("refuses parts of different models", async () => {
    writeParts((parts, index) => index === 1 && setField(parts, "split.no", 2));
    assert.match(await refusal(nameOf(0)), /says that it is part 3 of 3 of a model; expected part 2 of 3/);
    writeParts((parts, index) => {
      if (index === 2) parts.fields = [];
    });
    assert.match(
      await refusal(nameOf(0)),
      /00003-of-00003\.gguf says that it is part 1 of 1 of a model; expected part 3 of 3/,
    );
    writeParts((parts) => setField(parts, "split.tensors.count", 12));
    assert.match(await refusal(nameOf(0)), /its 3 parts hold 12 tensors, but they hold 11/);
    writeParts((parts, index) => {
      if (index === 1) Object.assign(parts.tensors[0] as object, { name: "token_embd.weight" });
    });
    assert.match(
      await refusal(nameOf(0)),
      /holds the tensor token_embd\.weight, which tiny-00001-of-00003\.gguf holds too/,
    );
  });

  it("of one part, or with a part's name alone, is a model like any other", async () => {
    for (const fields of [[...tinyFields, ["split.count", 2, 1] as GgufField], tinyFields]) {
      writeFileSync(nameOf(1), gguf({ ...tinyGguf(), fields }));
      const { files } = await openWeights(nameOf(1));
      assert.deepEqual(
        files.map((file) => basename(file)),
        [basename(nameOf(1))],
      );
    }
  });
});
