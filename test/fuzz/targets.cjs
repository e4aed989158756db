/**
 * What is fuzzed: by format the reader's files, valid inputs to begin with, how inputs are changed, and what is done with
 * one. A target may refuse an input with a sentence; whatever else it throws, and whatever lasts, is a finding.
 *
 * @typedef {{
 *   reader: RegExp, kind: "bytes" | "json" | "template", heavy?: boolean, largest?: number, dictionary?: string[],
 *   seeds: () => Buffer[], run: (input: Buffer) => unknown, refuses: (error: Error) => boolean,
 * }} Target `heavy`: an input builds a tokenizer or renders; `largest`: bytes of an input; `dictionary`: words to put in.
 */
const { root } = require("./targets/common.cjs");
const { gguf, gguf_tokenizer } = require("./targets/gguf.cjs");
const { safetensors } = require("./targets/safetensors.cjs");
const { config, index } = require("./targets/settings.cjs");
const { template } = require("./targets/template.cjs");
const { tokenizer } = require("./targets/tokenizer.cjs");

/** By format; each is made once, behind the counters. @type {Record<string, () => Target>} */
const makers = { safetensors, gguf, gguf_tokenizer, index, config, tokenizer, template };

module.exports = { makers, root };
