/** What `npm run verify` compares: with the book where the model is the book's, and the model with itself. */
import { outcome } from "./report.mjs";

/** Texts that a tokenizer must give back: its own vocabulary may split them in any way. */
const texts = [
  "The capital of France is Paris.",
  "a != b , c 's  and   spaces\t\n\n here ",
  "def main(argv: list[str]) -> int:\n    return sum(x ** 2 for x in range(10))  # 12345 67.89\r\n",
  "Être ou ne pas être, 首都はパリです。 Столица — Париж. العاصمة هي باريس. राजधानी पेरिस है।",
  "👩‍👩‍👧 🇫🇷 👍🏽 \u200b\u00a0½ Ⅷ ①",
];

/** Whether a model is the one that the book ran. */
export function isTheBooks({ model_type, hidden_size, num_hidden_layers, vocab_size, max_position_embeddings }) {
  const sizes = [hidden_size, num_hidden_layers, vocab_size, max_position_embeddings];
  return model_type === "phi3" && sizes.join() === "3072,32,32064,4096";
}

const same = (what, expected, found) => {
  const [a, b] = [expected, found].map((value) => JSON.stringify(value));
  return a === b ? outcome(what, "same", b) : outcome(what, "differs", `expected ${a} but received ${b}`);
};

/** Two texts, and where they part. */
function compareText(what, expected, found) {
  if (found === expected) return outcome(what, "same", `${found.length} characters`);
  let at = 0;
  while (at < expected.length && found[at] === expected[at]) at++;
  const around = (text) => JSON.stringify(text.slice(Math.max(0, at - 20), at + 20));
  const where = `after ${at} of ${expected.length} characters`;
  return outcome(what, "differs", `${where}: expected ${around(expected)} but received ${around(found)}`);
}

/**
 * A greedy text turns where two tokens are nearly as probable: the book's was made in bfloat16. Weights as published keep
 * to its opening, quantised ones may turn anywhere.
 */
function compareGreedy(book, text, quantised) {
  const compared = compareText("greedy text of 50 tokens", book.text, text);
  const turns = compared.result === "differs" && (quantised || text.startsWith(book.opening));
  return turns ? { ...compared, result: "turns" } : compared;
}

/** What the book recorded beside what this model did: `found` has the same names as `book`, and `quantised`. */
export function compareBook(book, found) {
  return [
    same("token ids of the book's prompt", book.ids, found.ids),
    same("shape before the head", book.hidden_shape, found.hidden_shape),
    same("shape behind the head", book.logits_shape, found.logits_shape),
    same("next token", book.token, found.token),
    compareGreedy(book, found.text, found.quantised),
    compareText("printed layers", book.tree.join("\n"), found.tree),
  ];
}

/** Says of another model what could not be compared. */
export function notTheBooks(book) {
  const why = `only of ${book.model} the book recorded what it gives`;
  const facts = ["token ids", "shapes", "next token", "greedy text", "printed layers"];
  return facts.map((what) => outcome(what, "not compared", why));
}

/** Texts to ids and back. */
export function roundTrip(tokenizer) {
  const what = "tokenizer: texts to ids and back";
  for (const text of texts) {
    const back = tokenizer.decode(tokenizer.encode(text, { add_special_tokens: false }));
    if (back !== text) return outcome(what, "differs", `${JSON.stringify(text)} came back as ${JSON.stringify(back)}`);
  }
  return outcome(what, "same", `${texts.length} texts`);
}

/** Greedy tokens with the cache and without. */
export function compareTokens(cached, uncached) {
  const what = "greedy tokens with the cache and without";
  const at = cached.findIndex((id, i) => id !== uncached[i]);
  if (at < 0 && cached.length === uncached.length) return outcome(what, "same", `${cached.length} tokens`);
  const place = at < 0 ? Math.min(cached.length, uncached.length) : at;
  return outcome(what, "differs", `at token ${place + 1}: ${cached[place]} with, ${uncached[place]} without`);
}
