/** A tokenizer.json with the settings beside it, read and used. */
const { mkdirSync, rmSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { tokenizers } = require("../texts.cjs");
const { isSentence, load, sometimes, temporary } = require("./common.cjs");

/** Pieces of Oniguruma's expressions, and what components are of by name. */
const dictionary = [
  "(?i)",
  "(?i:",
  "(?-i:",
  "(?>",
  "(?=",
  "(?!",
  "(?<=",
  "(?<!",
  "(?<name>",
  "(?#",
  "(?m)",
  ")",
  "|",
  "[",
  "]",
  "[^",
  "&&",
  "[[:alpha:]]",
  "[[:^punct:]]",
  "\\p{L}",
  "\\P{Lu}",
  "\\p{^Han}",
  "\\p{Alpha}",
  "\\s",
  "\\S",
  "\\d",
  "\\D",
  "\\w",
  "\\W",
  "\\h",
  "\\R",
  "\\A",
  "\\z",
  "\\Z",
  "\\b",
  "\\B",
  "\\x{1F600}",
  "\\x61",
  "\\u0041",
  "\\1",
  "\\k",
  "\\e",
  "\\-",
  "*",
  "+",
  "?",
  "{2}",
  "{,3}",
  "{1,}",
  "++",
  "*?",
  "$",
  "^",
  ".",
  "a",
  "/",
  "ß",
  "NFC",
  "Replace",
  "Sequence",
  "Regex",
  "String",
];
/** What is encoded: letters that the seeds have tokens of, and such as normalizers and expressions ask for. */
const texts = [
  "",
  "a ab <|x|> 1b",
  "</s>é\u0000 \n",
  " ab  12½ \t\r\n don't A–Z 中文😀e\u0301 [MASK] x.y…",
  "abacab ".repeat(40),
];

function tokenizer() {
  const { AutoTokenizer } = load("tokenizer/auto.js");
  const { joinedTokenizer } = load("tokenizer/load.js");
  const { PreTrainedTokenizer } = load("tokenizer/tokenizer.js");
  const { jsonObject } = load("weights/json.js");
  const { longest } = load("tokenizer/parts/bounds.js");
  // An expression without end costs this much here; what does not hear the bell is found all the same.
  longest.milliseconds = 200;
  const folder = temporary();
  const throughFile = sometimes();
  /** An input is tokenizer.json; what it has of the settings beside it goes for theirs. */
  const beside = ["tokenizer_config.json", "special_tokens_map.json", "chat_template.json"];
  mkdirSync(join(folder, "additional_chat_templates"));
  writeFileSync(join(folder, "additional_chat_templates", "tool_use.jinja"), "{{ tools }}");
  const fromFiles = async (input) => {
    writeFileSync(join(folder, "tokenizer.json"), input);
    for (const name of beside)
      if (input.length % 3 === 0) writeFileSync(join(folder, name), input);
      else rmSync(join(folder, name), { force: true });
    use(await AutoTokenizer.from_pretrained(folder));
  };
  return {
    reader: /src\/tokenizer\/(load|named_templates|special|decode|stream|parts\/\w+)\.js$/,
    kind: "json",
    heavy: true,
    largest: 16_384,
    dictionary,
    seeds: () => tokenizers().map((tokenizer) => Buffer.from(JSON.stringify(tokenizer))),
    run(input) {
      if (throughFile()) return fromFiles(input);
      const json = jsonObject("tokenizer.json", input.toString());
      const files = { json, config: objectOf(json.config), map: objectOf(json.map), template: json.template };
      use(new PreTrainedTokenizer(joinedTokenizer(folder, files)));
      return undefined;
    },
    refuses: isSentence,
  };
}

/** As files are read: an object, or nothing. */
function objectOf(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
}

function use(tokenizer) {
  for (const text of texts) {
    const ids = tokenizer.encode(text).slice(0, 60);
    tokenizer.decode(ids, { skip_special_tokens: true });
    if (ids.length > 20) continue;
    const stream = tokenizer.stream({ clean_up_tokenization_spaces: true });
    for (const id of ids) stream.push(id);
    stream.end();
  }
  // As a model may choose them: any.
  tokenizer.decode(Array.from({ length: Math.min(tokenizer.size, 60) }, (_, id) => id));
  [tokenizer.special_tokens_map, tokenizer.all_special_tokens];
  for (const name of ["bos", "eos", "unk", "pad"]) [tokenizer[`${name}_token`], tokenizer[`${name}_token_id`]];
  for (const name of ["bos", "eos", "pad"]) tokenizer[`${name}_token`] = tokenizer.eos_token ?? tokenizer.bos_token;
  tokenizer(["a b", "a"], { padding: tokenizer.pad_token !== undefined, truncation: true, max_length: 4 });
}

module.exports = { tokenizer };
