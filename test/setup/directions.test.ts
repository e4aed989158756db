/** What lint says of includes and imports that point the wrong way, and of verbs that one backend lacks. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

interface Directions {
  wrongDirections: (files: Map<string, string>) => string[];
  unequalTops: (names: string[]) => string[];
}

describe("the directions that lint holds the tree to", () => {
  let lint: Directions;
  before(async () => {
    const path = join(__dirname, "../../scripts/lint/directions.mjs");
    lint = (await import(pathToFileURL(path).href)) as Directions;
  });
  const said = (path: string, text: string, ...others: string[]): string[] =>
    lint.wrongDirections(new Map([[path, text], ...others.map((other) => [other, ""] as const)]));

  const wrong: [string, string, RegExp][] = [
    ["cpu/add.cc", '#include "native/model/phi3.h"\n', /cpu\/add\.cc points at native\/model\/phi3\.h/],
    ["cpu/add.cc", '#include "cuda/backend.h"\n', /cpu\/add\.cc points at cuda\/backend\.h/],
    ["cuda/gemm/gemm.cu", '#include "native/addon/model.h"\n', /cuda\/gemm\/gemm\.cu points at native\/addon/],
    ["native/seam/backend.h", '#include "native/model/config.h"\n', /native\/seam\/backend\.h points at/],
    ["native/model/phi3.cc", '#include "cpu/backend.h"\n', /native\/model\/phi3\.cc points at cpu/],
    ["native/model/phi3.cc", "#include <napi.h>\n", /includes napi\.h, which native\/addon alone may/],
    ["src/index.ts", 'import { run } from "../kernel/main";\n', /src\/index\.ts points at kernel\/main/],
    ["src/model/auto.ts", 'export * from "../../kernel/main";\n', /src\/model\/auto\.ts points at kernel\/main/],
  ];
  for (const [path, text, sentence] of wrong)
    it(`refuse ${text.trim()} in ${path}`, () => {
      const found = said(path, text);
      assert.equal(found.length, 1);
      assert.match(found[0] as string, sentence);
    });

  it("allow what goes with the flow, and headers beside a file", () => {
    assert.deepEqual(said("kernel/main.ts", 'import "../src/index";\n'), []);
    assert.deepEqual(said("native/devices.cc", '#include "cuda/backend.h"\n#include "cpu/backend.h"\n'), []);
    assert.deepEqual(said("native/addon/model.cc", '#include <napi.h>\n#include "native/model/session.h"\n'), []);
    assert.deepEqual(said("cpu/add.cc", '#include "backend.h"\n#include <cstring>\n', "cpu/backend.h"), []);
  });

  it("name a verb that only one backend has at its top, whatever language it is in", () => {
    const names = [
      "cpu/add.cc",
      "cpu/rope.cc",
      "cuda/add.cu",
      "cuda/rope.cu",
      "cpu/matmul/avx2.cc",
      "cuda/gemm/mma.cu",
    ];
    assert.deepEqual(lint.unequalTops(names), []);
    assert.deepEqual(lint.unequalTops([...names, "cuda/argmax.cu"]), [
      "cpu/ has no argmax at its top, as the other backend has",
    ]);
    assert.deepEqual(lint.unequalTops([...names, "cpu/embed.cc"]), [
      "cuda/ has no embed at its top, as the other backend has",
    ]);
  });
});
