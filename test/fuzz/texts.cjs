/**
 * Small tokenizers of every kind, chat templates of every construct and conversations, for inputs to begin with: some made
 * here, the others are what the tests beside src compare with Rust tokenizers and jinja2.
 */
const { readFileSync } = require("node:fs");
const { join } = require("node:path");

const stored = (name) => JSON.parse(readFileSync(join(__dirname, "..", "src", "tokenizer", name), "utf8"));

const base = {
  version: "1.0",
  added_tokens: [
    { id: 0, content: "<unk>", special: true },
    { id: 1, content: "<s>", special: true },
    { id: 2, content: "</s>", special: true },
    { id: 40, content: "<|x|>", special: false, lstrip: true, rstrip: true, single_word: true, normalized: true },
  ],
};
const letters = Object.fromEntries(
  ["<unk>", "<s>", "</s>", "▁", "a", "b", "ab", "Ġ", "Ġa", "1"].map((text, i) => [text, i]),
);
const bpe = { type: "BPE", vocab: letters, merges: ["a b", "Ġ a"], unk_token: "<unk>", byte_fallback: false };
const own = [
  { ...base, model: bpe, normalizer: null, pre_tokenizer: null, post_processor: null, decoder: { type: "Fuse" } },
  {
    ...base,
    model: { ...bpe, merges: [["a", "b"]], byte_fallback: true, fuse_unk: true },
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "Prepend", prepend: "▁" },
        { type: "Replace", pattern: { String: " " }, content: "▁" },
        { type: "NFC" },
        { type: "Lowercase" },
      ],
    },
    pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split: true },
    post_processor: {
      type: "TemplateProcessing",
      single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
      pair: [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 1 } }],
      special_tokens: { "<s>": { id: "<s>", ids: [1], tokens: ["<s>"] } },
    },
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        { type: "Strip", content: " ", start: 1, stop: 0 },
      ],
    },
  },
  {
    ...base,
    model: bpe,
    normalizer: { type: "NFKC" },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        {
          type: "Split",
          pattern: { Regex: "\\p{N}{1,3}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+" },
          behavior: "Isolated",
          invert: false,
        },
        { type: "Digits", individual_digits: true },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: { type: "ByteLevel", add_prefix_space: true, trim_offsets: false, use_regex: true },
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
  },
  {
    ...base,
    model: {
      type: "Unigram",
      vocab: [
        ["<unk>", 0],
        ["<s>", 0],
        ["</s>", 0],
        ["▁", -1],
        ["a", -2],
        ["ab", -1.5],
      ],
      unk_id: 0,
    },
    pre_tokenizer: { type: "Whitespace" },
  },
  {
    ...base,
    model: {
      type: "WordPiece",
      vocab: { "[UNK]": 0, a: 1, "##b": 2 },
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
    },
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
  },
  {
    ...base,
    model: { type: "WordLevel", vocab: { "<unk>": 0, a: 1 }, unk_token: "<unk>" },
    pre_tokenizer: { type: "WhitespaceSplit" },
  },
];

const ownTemplates = [
  "{% for message in messages %}{{'<|' + message['role'] + '|>' + '\\n' + message['content'] + '<|end|>\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}",
  "{%- set ns = namespace(a=0) -%}{% for m in messages if m.role != 'system' %}{% set ns.a = ns.a + loop.index0 %}{{ m.content | trim | upper }}{% else %}none{% endfor %}{{ ns.a }}",
  "{% macro f(x, y=1) %}{{ x ~ y }}{% endmacro %}{{ f(messages[0].content[:2], y=[1,2]|length) }}{{ messages | tojson }}{{ raise_exception('no') if messages|length > 9 }}",
  "{{ bos_token }}{% if not loop is defined and messages[0]['role'] in ['user','x'] %}{{ messages[-1].content.split(' ')|join(',') }}{% elif true %}{{ {'a': 1}.items()|list }}{% endif %}",
];

/** Settings that lie beside a tokenizer.json, as a seed has them. */
const settings = [
  {
    config: {
      add_bos_token: true,
      add_eos_token: true,
      bos_token: { content: "<s>", lstrip: false, special: true },
      eos_token: "</s>",
      pad_token: "<pad>",
      unk_token: null,
      image_token: "<image>",
      extra_special_tokens: { audio_token: "<audio>" },
      added_tokens_decoder: { 50: { content: "<|y|>", special: true }, 7: { content: "b" } },
      padding_side: "right",
      truncation_side: "left",
      model_max_length: 1e30,
      clean_up_tokenization_spaces: true,
      chat_template: "{{ messages }}",
    },
    map: { mask_token: "[MASK]", additional_special_tokens: ["<a>", { content: "<b>" }] },
  },
  {
    config: {
      add_bos_token: false,
      additional_special_tokens: ["<a>"],
      chat_template: [{ name: "default", template: "{{ 1 }}" }, { name: "tool_use", template: "{{ 2 }}" }, {}],
      model_max_length: 8,
    },
    padding: { pad_token: "</s>", direction: "Right" },
    truncation: { direction: "Left" },
  },
  { config: { add_eos_token: false, extra_special_tokens: ["<c>"] }, template: [{ name: 1 }] },
];

/** Vocabulary of single letters and of their continuations. */
const vocabOf = (text) => Object.fromEntries(text.split("¦").map((token, id) => [token, id]));
const empty = { added_tokens: [], normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null };

/** @returns tokenizer.json with what lies beside it under `config` and `map`, as the target takes them apart. */
function tokenizers() {
  const { encoding, decoding, normalizing, modelling } = stored("parts.json");
  const { charsmap } = stored("precompiled.json");
  const wordPiece = (vocab) => ({ type: "WordPiece", unk_token: "[UNK]", vocab: vocabOf(vocab) });
  const [first] = own;
  return [
    ...own,
    ...settings.map((beside) => ({ ...first, ...beside })),
    ...own.map((tokenizer, i) => ({ ...tokenizer, ...settings[i % settings.length] })),
    ...encoding.map(({ vocab, parts }) => ({ ...empty, ...parts, model: wordPiece(vocab) })),
    ...decoding.map(({ vocab, parts }) => ({ ...empty, ...parts, model: wordPiece(vocab) })),
    ...normalizing.map(({ normalizer }) => ({ ...first, normalizer })),
    ...modelling.map(({ model }) => ({ ...empty, model })),
    ...expressions.map((Regex) => ({
      ...first,
      pre_tokenizer: { type: "Split", pattern: { Regex }, behavior: "MergedWithPrevious", invert: true },
      decoder: { type: "Replace", pattern: { Regex }, content: " " },
    })),
    ...[charsmap, "AAAA", "////"].map((precompiled_charsmap) => ({
      ...first,
      normalizer: { type: "Precompiled", precompiled_charsmap },
    })),
    ...postProcessors.map((post_processor) => ({ ...first, post_processor })),
    ...own.map((tokenizer) => ({
      ...tokenizer,
      decoder: { type: "WordPiece" },
      config: { clean_up_tokenization_spaces: true },
      model: { type: "WordLevel", vocab: { "<unk>": 0, a: 1, ab: 2, b: 3, ".": 4, "'s": 5 }, unk_token: "<unk>" },
    })),
    ...own.map(({ model: { type, ...model }, ...others }) => ({ ...others, model })),
  ];
}

/** Oniguruma's expressions, of every construct. */
const expressions = [
  "(?im)[a-cß-ö\\s\\dK][^\\S\\D][]a][a[bc]]&.$",
  "[[:alpha:]a-z&&[^b]]|[[:^punct:]]|[\\p{L}\\-\\]/(]",
  "(?<name>a)\\k<name>|(b)\\2|\\x{1F600}\\u0041\\t\\e\\a\\/\\-",
  "(?#note)(?i)straße|(?-i:K)|(?m:.)(?i-m:s).",
  "a*+b?+c++d{2,}+e{,3}?f{1}{2}{",
  "(?>a|b)(?=c)(?!d)(?<=e)(?<!f)\\b\\B\\A\\z\\Z\\R\\h\\H\\W",
  "\\p{Han}\\P{Alpha}\\p{^Lu}\\p{nonesuch}",
  "(",
  ")",
  "[",
  "a**",
  "\\",
  "(?x) a",
  "\\q",
  "[^\\W]",
  "[a\\W]",
];

const postProcessors = [
  { type: "Sequence", processors: [{ type: "ByteLevel" }, { type: "BertProcessing", cls: ["<s>", 1], sep: ["</s>"] }] },
  { type: "RobertaProcessing", cls: ["<s>", 1], sep: ["</s>", 2] },
  {
    type: "Sequence",
    processors: [
      {
        type: "TemplateProcessing",
        single: [{ SpecialToken: { id: "</s>" } }, { Sequence: { id: "A" } }, { SpecialToken: { id: "<s>" } }],
      },
    ],
  },
];

function templates() {
  const { snippets, chats } = stored("templates.json");
  return [...ownTemplates, ...snippets.map(([source]) => source), ...chats.map(({ template }) => template)];
}

const tools = [{ type: "function", function: { name: "f", parameters: { type: "object", properties: {} } } }];
const call = { type: "function", function: { name: "f", arguments: { x: 1.5, y: [null, "é"] } } };
/** What a template is rendered for. */
const chats = [
  {
    messages: [
      { role: "system", content: "be" },
      { role: "user", content: "Hi there" },
      { role: "assistant", content: "" },
    ],
    add_generation_prompt: true,
  },
  {
    messages: [
      {
        role: "user",
        content: [
          { type: "text", text: "a" },
          { type: "text", text: "b" },
        ],
      },
      { role: "assistant", content: null, reasoning: "because", tool_calls: [call] },
      { role: "tool", content: "20" },
      { role: "assistant", content: "Sure, " },
    ],
    tools,
    documents: [{ title: "t", text: "x" }],
    continue_final_message: true,
    chat_template_kwargs: { number: 1.5, big: 2n ** 64n, nested: { list: [{ x: 1 }, {}], map: new Map([[1, null]]) } },
    enable_thinking: false,
  },
  {
    messages: [{ role: "assistant", thinking: "so", content: [{ type: "image" }, { type: "text", text: "go " }] }],
    continue_final_message: "thinking",
  },
];

module.exports = { chats, templates, tokenizers };
