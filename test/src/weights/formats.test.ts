/** The tables that both languages have are equal: weight formats, weights' roles, parts of a pass. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openWeights } from "../../../src/weights";
import { gpuBytesPerElement, weightFormats, weightTypes } from "../../../src/weights/formats";

const root = join(__dirname, "../../..");
const source = (path: string): string => readFileSync(join(root, "native", path), "utf8");

describe("the tables of weights in TypeScript and in C++", () => {
  it("have the same formats, with the same numbers and bytes a block", () => {
    const [, table = ""] = /kWeightFormats\[\] = \{(.*?)\};/s.exec(source("seam/dtype.h")) ?? [];
    const rows = [...table.matchAll(/\{"(\w+)", (\d+), (\d+)\}/g)].map(([, name, block, bytes]) => [
      name,
      { block: Number(block), bytes: Number(bytes) },
    ]);
    const ours = Object.entries(weightFormats).map(([name, { block, bytes }]) => [name, { block, bytes }]);
    assert.deepEqual(rows, ours);
    const [, names = ""] = /enum class WeightType : uint8_t \{(.*?)\}/s.exec(source("seam/dtype.h")) ?? [];
    assert.deepEqual(
      names.split(",").map((name) => name.trim()),
      Object.keys(weightFormats),
    );
  });

  it("say alike which formats a GPU keeps compact, and in how many bytes", () => {
    const compact = readFileSync(join(root, "cuda/memory/compact.h"), "utf8");
    const cases = /switch \(type\) \{(.*?)default:/s.exec(compact)?.[1] ?? "";
    const rows = [...cases.matchAll(/((?:\s*case WeightType::\w+:)+)\s*return \{(\d), (\d), (\d)\};/g)];
    const found = rows.flatMap(([, names = "", bits, scales, supers]) =>
      [...names.matchAll(/::(\w+):/g)].map(([, name]) => [
        name,
        32 * Number(bits) + 8 * Number(scales) + Number(supers),
      ]),
    );
    assert.equal(found.length, 8);
    for (const type of weightTypes)
      assert.equal(gpuBytesPerElement(type, 2) * 256, new Map(found as [string, number][]).get(type) ?? 512, type);
  });

  it("have the same roles: a model has one weight of each, or one a layer", async () => {
    const [, list = ""] = /kRoleNames\[\] = \{(.*?)\};/s.exec(source("model/weights.h")) ?? [];
    const roles = [...list.matchAll(/"(\w+)"/g)].map(([, name]) => name);
    const found = new Set<string>();
    // Of Qwen2 come the biases, of Qwen3 the norms of q and k.
    for (const model of ["tiny/multi_head", "family/qwen2", "family/qwen3"]) {
      const { weights, config } = await openWeights(join(root, "test/golden", model));
      for (const { role } of weights) found.add(role);
      const layered = weights.filter(({ layer }) => layer >= 0);
      assert.equal(layered.length % config.num_hidden_layers, 0);
    }
    assert.deepEqual(found, new Set(roles));
  });
});
