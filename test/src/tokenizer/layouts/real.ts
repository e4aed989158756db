/**
 * Holds the tokenizer of a real model against the Rust library `tokenizers`, and a GGUF file's of the same vocabulary:
 *
 *     PHI3LAB_REFERENCE_PYTHON=… npx tsx test/src/tokenizer/layouts/real.ts FOLDER [ARCHITECTURE [PRE]]
 *
 * FOLDER has a tokenizer.json. With an architecture (`llama`) and, of byte-level vocabularies, a pre-tokenizer's name
 * (`llama-bpe`) the metadata is written that llama.cpp's converter writes, and read back. 5,000 texts each.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AutoTokenizer } from "../../../../src/tokenizer";
import { gguf } from "../../weights/files";
import { ask } from "./goldens";
import { ggufFields, type Layout } from "./layouts";
import { layoutTexts } from "./texts";

type Json = Awaited<ReturnType<Layout["json"]>>;

/** As tokenizer.json, with merges in pairs and, as converters do, a token for every id. */
function complete(json: Json): Json {
  const model = json.model as { vocab: Record<string, number>; merges: (string | string[])[] };
  const vocab = { ...model.vocab };
  const used = new Set([...Object.values(vocab), ...(json.added_tokens as { id: number }[]).map(({ id }) => id)]);
  const end = [...used].reduce((most, id) => Math.max(most, id), 0);
  for (let id = 0; id < end; id++) if (!used.has(id)) vocab[`[PAD${id}]`] = id;
  const merges = model.merges.map((merge) => (typeof merge === "string" ? merge.split(" ") : merge));
  return { ...json, model: { ...model, vocab, merges } };
}

async function main([folder, architecture, pre]: string[]): Promise<void> {
  if (folder === undefined) throw new Error("Expected a folder with a tokenizer.json");
  const json = JSON.parse(readFileSync(join(folder, "tokenizer.json"), "utf8")) as Json;
  const texts = layoutTexts();
  const reference = ask(process.env.PHI3LAB_REFERENCE_PYTHON ?? "python3", json, texts);
  const temporary = mkdtempSync(join(tmpdir(), "phi3lab-real-"));
  const paths = [folder];
  if (architecture !== undefined) {
    const file = join(temporary, "model.gguf");
    const described = { architecture, model: pre === undefined ? "llama" : "gpt2", pre } as Layout["gguf"];
    const fields = await ggufFields({ json: async () => complete(json), gguf: described });
    writeFileSync(file, gguf({ fields, tensors: [], dataLength: 0 }));
    paths.push(file);
  }
  for (const path of paths) {
    const tokenizer = await AutoTokenizer.from_pretrained(path);
    const wrong = texts.filter((text, i) => {
      const ids = tokenizer.encode(text);
      const decoded = [false, true].map((skip_special_tokens) => tokenizer.decode(ids, { skip_special_tokens }));
      return JSON.stringify([ids, decoded]) !== JSON.stringify([reference.ids[i], reference.decoded[i]]);
    });
    for (const text of wrong.slice(0, 5)) console.log(JSON.stringify(text));
    console.log(`${path === folder ? "tokenizer.json" : "GGUF"}: ${texts.length} texts, ${wrong.length} not alike`);
    if (wrong.length > 0) process.exitCode = 1;
  }
  rmSync(temporary, { recursive: true });
}

void main(process.argv.slice(2));
