/** Tokenizers to test with: SmolLM2's file, and Phi-3's put together from Llama's vocabulary. */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultModel } from "../../../src/hub";
import { type GgufField, gguf } from "../weights/files";

/** The path of SmolLM2's GGUF file; undefined where it is not installed. */
export async function smollm(): Promise<string | undefined> {
  const { PHI3LAB_MODEL } = process.env;
  delete process.env.PHI3LAB_MODEL;
  try {
    const path = await defaultModel({ print: () => undefined });
    return path.endsWith(".gguf") ? path : undefined;
  } catch {
    return undefined;
  } finally {
    if (PHI3LAB_MODEL !== undefined) process.env.PHI3LAB_MODEL = PHI3LAB_MODEL;
  }
}

/** The path of SmolLM2's GGUF file; skips where it is not installed, and says so. */
export async function needSmollm(context: Mocha.Context): Promise<string> {
  const path = await smollm();
  if (path !== undefined) return path;
  console.log("      skipped: needs SmolLM2's file, which `node scripts/setup.mjs` installs");
  return context.skip();
}

const addedNames = [
  "<|endoftext|>",
  "<|assistant|>",
  "<|placeholder1|>",
  "<|placeholder2|>",
  "<|placeholder3|>",
  "<|placeholder4|>",
  "<|system|>",
  "<|end|>",
  "<|placeholder5|>",
  "<|placeholder6|>",
  "<|user|>",
];

const chatTemplate =
  "{% for message in messages %}{% if message['role'] == 'system' %}{{'<|system|>\n' + message['content'] + '<|end|>\n'}}" +
  "{% elif message['role'] == 'user' %}{{'<|user|>\n' + message['content'] + '<|end|>\n'}}" +
  "{% elif message['role'] == 'assistant' %}{{'<|assistant|>\n' + message['content'] + '<|end|>\n'}}{% endif %}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}";

interface Vocabulary {
  vocabById: string[];
  /** "left right" → rank. */
  merges: Map<string, number>;
}

async function llama(): Promise<Vocabulary> {
  return (await import("llama-tokenizer-js")).default;
}

/** What the tokenizer.json of Llama 2's vocabulary and of those made from it share: all but added tokens and templates. */
export async function llamaJson() {
  const { vocabById, merges } = await llama();
  return {
    version: "1.0",
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "Prepend", prepend: "▁" },
        { type: "Replace", pattern: { String: " " }, content: "▁" },
      ],
    },
    pre_tokenizer: null,
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        { type: "Strip", content: " ", start: 1, stop: 0 },
      ],
    },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: "<unk>",
      fuse_unk: true,
      byte_fallback: true,
      vocab: Object.fromEntries(vocabById.map((token, id) => [token, id])),
      merges: [...merges.entries()].sort((a, b) => a[1] - b[1]).map(([merge]) => merge),
    },
  };
}

/** Phi-3's tokenizer.json: Llama's vocabulary, Phi-3's added tokens, no BOS. */
export async function phi3Json(): Promise<Record<string, unknown>> {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  return {
    ...(await llamaJson()),
    added_tokens: [
      { id: 0, content: "<unk>", ...flags },
      { id: 1, content: "<s>", ...flags },
      { id: 2, content: "</s>", ...flags, rstrip: true, special: false },
      ...addedNames.map((content, i) => ({ id: 32000 + i, content, ...flags, rstrip: i > 0 })),
    ],
    post_processor: {
      type: "TemplateProcessing",
      single: [{ Sequence: { id: "A", type_id: 0 } }],
      pair: [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 1 } }],
      special_tokens: {},
    },
  };
}

/** A folder with Phi-3's tokenizer. */
export async function phi3Folder(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "phi3lab-tokenizer-"));
  await writePhi3Tokenizer(folder);
  return folder;
}

/** Writes the files of Phi-3's tokenizer into `folder`. */
export async function writePhi3Tokenizer(folder: string): Promise<void> {
  writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(await phi3Json()));
  const special = { bos_token: "<s>", eos_token: "<|endoftext|>", pad_token: "<|endoftext|>", unk_token: "<unk>" };
  const config = {
    ...special,
    add_bos_token: false,
    add_eos_token: false,
    model_max_length: 4096,
    chat_template: chatTemplate,
  };
  writeFileSync(join(folder, "tokenizer_config.json"), JSON.stringify(config));
}

/** The same as a GGUF file has it, where scores stand for merges; `addedType` is the token type of `<|user|>` and the like. */
export async function phi3Fields(addedType = 3): Promise<GgufField[]> {
  const { vocabById, merges } = await llama();
  const rank = new Map<string, number>();
  for (const [merge, order] of merges) {
    const piece = merge.replace(" ", "");
    rank.set(piece, Math.min(order, rank.get(piece) ?? Infinity));
  }
  const tokens = [...vocabById, ...addedNames];
  const type = (i: number) => (i === 0 ? 2 : i < 3 ? 3 : i >= 32000 ? addedType : i < 259 ? 6 : 1);
  const score = (token: string, i: number) => (i < 259 ? 0 : -(rank.get(token) ?? 1e9));
  return [
    ["general.architecture", 8, "phi3"],
    ["phi3.context_length", 4, 4096],
    ["tokenizer.ggml.model", 8, "llama"],
    ["tokenizer.ggml.tokens", 9, [8, tokens]],
    ["tokenizer.ggml.scores", 9, [6, tokens.map(score)]],
    ["tokenizer.ggml.token_type", 9, [5, tokens.map((_, i) => type(i))]],
    ["tokenizer.ggml.bos_token_id", 4, 1],
    ["tokenizer.ggml.eos_token_id", 4, 32000],
    ["tokenizer.ggml.unknown_token_id", 4, 0],
    ["tokenizer.ggml.padding_token_id", 4, 32000],
    ["tokenizer.ggml.add_bos_token", 7, false],
    ["tokenizer.chat_template", 8, chatTemplate],
  ];
}

/** A GGUF file with that tokenizer and no tensors. */
export async function phi3Gguf(addedType?: number): Promise<string> {
  const file = join(mkdtempSync(join(tmpdir(), "phi3lab-tokenizer-")), "phi3.gguf");
  writeFileSync(file, gguf({ fields: await phi3Fields(addedType), tensors: [], dataLength: 0 }));
  return file;
}

/** Whole numbers below n, the same in each run. */
export function randomNumbers(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => String.fromCodePoint(from + i));
const alphabets: string[][] = [
  [
    ..."the of and a to in is you that it he was for on are as with his they I at be this have from",
    " ",
    "  ",
    "\n",
    "\t",
  ],
  [..."ABC XYZ .,:;!?'\"()[]{}<>|/\\+-*=_#@$%^&~`"],
  [..."0123456789", " 1", "  2", "½", "²", "Ⅷ", "٣", "①"],
  range(0x4e00, 0x4e80),
  range(0x600, 0x660),
  range(0x900, 0x970),
  range(0x1f600, 0x1f640),
  ["é", "e\u0301", "ß", "ſ", "İ", "don't", "WE'LL", " 've", "\u{1F468}\u200d\u{1F469}\u200d\u{1F467}", "🇫🇷", "👍🏽"],
  [
    "\u0085",
    "\ufeff",
    "\u200b",
    "\u00a0",
    "\u3000",
    "\u2028",
    "\r\n",
    "\r",
    "\0",
    "\x1f",
    "\u180e",
    "\ud7ff",
    "\ue000",
    "\u{10ffff}",
  ],
  [
    "<|im_end|>",
    "<|im_start|>",
    "<|end|>",
    "<|user|>",
    "<|end|> ",
    "<s>",
    "</s>",
    "</s>  ",
    "<unk>",
    "▁",
    "<0x41>",
    "Ġ",
    "Ċ",
  ],
];

/** Texts of every kind: words, code, scripts, emoji, odd spaces, special tokens, and their mixtures. */
export function texts(count: number, seed: number): string[] {
  const random = randomNumbers(seed);
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const words =
    "The capital of France is Paris. def main(argv: list[str]) -> int:\n    return sum(x ** 2 for x in range(10))  # done".split(
      /(?<= )/,
    );
  return Array.from({ length: count }, (_, i) => {
    const kind = i % 3 === 0 ? words : i % 3 === 1 ? pick(alphabets) : undefined;
    return Array.from({ length: random(i % 50 === 0 ? 300 : 40) }, () => pick(kind ?? pick(alphabets))).join("");
  });
}
