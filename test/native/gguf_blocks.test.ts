/**
 * The numbers of every GGUF weight format are gguf-py's to the bit, also at the ends of float16's range: rows of an
 * embedding table as they come out of the model. See test/golden/make_gguf_formats.py.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openWeights } from "../../src/weights";
import { weightFormats, weightTypes } from "../../src/weights/formats";
import { type StoredType, storedFormats } from "../../src/weights/gguf_types";
import { type GgufParts, gguf, tinyFields } from "../src/weights/files";
import { atEach, exactPlaces, open } from "./places";

const blocks = JSON.parse(readFileSync(join(__dirname, "../golden/gguf_formats/blocks.json"), "utf8")) as Record<
  string,
  { rows: string; numbers: string }
>;

/** A Llama of one layer of zeros whose embeddings are three rows of 256 in this format. */
function modelWith(type: StoredType, rows: Buffer): Buffer {
  const sizes: Record<string, number> = { embedding_length: 256, feed_forward_length: 32, head_count: 8 };
  const fields = tinyFields.map(([key, kind, value]): GgufParts["fields"][number] => {
    return [key, kind, sizes[key.split(".").at(-1) as string] ?? value];
  });
  const shapes: [string, number[]][] = [
    ["blk.0.attn_norm.weight", [256]],
    ["blk.0.attn_q.weight", [256, 256]],
    ["blk.0.attn_k.weight", [256, 32]],
    ["blk.0.attn_v.weight", [256, 32]],
    ["blk.0.attn_output.weight", [256, 256]],
    ["blk.0.ffn_norm.weight", [256]],
    ["blk.0.ffn_gate.weight", [256, 32]],
    ["blk.0.ffn_up.weight", [256, 32]],
    ["blk.0.ffn_down.weight", [32, 256]],
    ["output_norm.weight", [256]],
  ];
  // The embeddings last: their bytes are then the file's last ones.
  let offset = 0;
  const tensors = shapes.map(([name, shape]) => {
    const tensor = { name, shape, type: 0, offset };
    offset += 4 * shape.reduce((product, count) => product * count, 1);
    return tensor;
  });
  tensors.push({ name: "token_embd.weight", shape: [256, 3], type: storedFormats[type].ggml, offset });
  return Buffer.concat([gguf({ fields, tensors, dataLength: offset }), rows]);
}

atEach(exactPlaces, "numbers of GGUF files are gguf-py's to the bit", (place) => {
  describe(`the numbers of a GGUF file ${place.name}`, () => {
    const folder = mkdtempSync(join(tmpdir(), "phi3lab-blocks-"));
    after(() => rmSync(folder, { recursive: true, force: true }));

    for (const type of Object.keys(blocks) as StoredType[])
      it(`in ${type} are gguf-py's to the bit`, async () => {
        const golden = blocks[type] as { rows: string; numbers: string };
        const file = join(folder, `${type}.gguf`);
        writeFileSync(file, modelWith(type, Buffer.from(golden.rows, "base64")));
        const model = await open(await openWeights(file), place);
        try {
          const tap = "model.embed_tokens";
          const { taps } = await model.forward({ ids: Int32Array.of(0, 1, 2), taps: [tap] });
          const numbers = taps[tap]?.read(0, 3 * 256) as Float32Array;
          const bits = new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length);
          const expected = Uint8Array.from(Buffer.from(golden.numbers, "base64"));
          assert.deepEqual(bits, new Uint32Array(expected.buffer));
        } finally {
          await model.dispose();
        }
      });

    it("are so in every format that has blocks", () => {
      const quantised = weightTypes.filter((name) => weightFormats[name].block > 1);
      assert.deepEqual(
        quantised.filter((name) => blocks[name] === undefined),
        [],
      );
    });
  });
});
