/** A chat template, rendered for conversations of every kind. */
const { chats, templates, tokenizers } = require("../texts.cjs");
const { isSentence, load } = require("./common.cjs");

function template() {
  const { joinedTokenizer } = load("tokenizer/load.js");
  const { PreTrainedTokenizer } = load("tokenizer/tokenizer.js");
  const { limits } = load("tokenizer/template/limits.js");
  const { parse } = load("tokenizer/template/index.js");
  // A loop without end costs this much here; what does not look at the clock is found all the same.
  limits.milliseconds = 100;
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
