/** Small tokenizers of every kind and chat templates, for inputs to begin with. */

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
const tokenizers = [
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

const templates = [
  "{% for message in messages %}{{'<|' + message['role'] + '|>' + '\\n' + message['content'] + '<|end|>\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}",
  "{%- set ns = namespace(a=0) -%}{% for m in messages if m.role != 'system' %}{% set ns.a = ns.a + loop.index0 %}{{ m.content | trim | upper }}{% else %}none{% endfor %}{{ ns.a }}",
  "{% macro f(x, y=1) %}{{ x ~ y }}{% endmacro %}{{ f(messages[0].content[:2], y=[1,2]|length) }}{{ messages | tojson }}{{ raise_exception('no') if messages|length > 9 }}",
  "{{ bos_token }}{% if not loop is defined and messages[0]['role'] in ['user','x'] %}{{ messages[-1].content.split(' ')|join(',') }}{% elif true %}{{ {'a': 1}.items()|list }}{% endif %}",
];

module.exports = { templates, tokenizers };
