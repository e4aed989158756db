/** A chat template, rendered for conversations of every kind. */
const { chats, templates, tokenizers } = require("../texts.cjs");
const { isSentence, load } = require("./common.cjs");

function template() {
  const { joinedTokenizer } = load("tokenizer/load.js");
  const { PreTrainedTokenizer } = load("tokenizer/tokenizer.js");
  const { limits } = load("tokenizer/template/limits.js");
  const { parse } = load("tokenizer/template/index.js");
  // What goes on for as long as it may costs less here; what does not look at its limits is found all the same.
  Object.assign(limits, { milliseconds: 20, characters: 100_000, elements: 10_000, total: 2_000_000 });
  const made = new PreTrainedTokenizer(
    joinedTokenizer("model", { json: tokenizers()[0], config: { bos_token: "<s>" } }),
  );
  return {
    reader: /src\/tokenizer\/(chat|messages|template\/\w+)\.js$/,
    kind: "template",
    heavy: true,
    largest: 8192,
    seeds: () => templates().map((template) => Buffer.from(template)),
    run(input) {
      const chat_template = input.toString();
      // What is no template is none for any of them.
      parse(chat_template);
      let refused;
      for (const { messages, ...options } of chats)
        try {
          made.apply_chat_template(messages, { tokenize: false, chat_template, ...options });
        } catch (error) {
          if (!isSentence(error)) throw error;
          refused = error;
        }
      if (refused) throw refused;
    },
    refuses: isSentence,
  };
}

module.exports = { template };
