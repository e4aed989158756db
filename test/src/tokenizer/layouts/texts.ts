/** Texts on which the ways to cut words differ: case, contractions, numbers, runs of white space, marks, special tokens. */
import { randomNumbers, texts } from "../models";

const kinds: string[][] = [
  [
    "camelCase",
    "HTTPServer",
    "iPhone",
    "ÉCOLE",
    "École",
    "ǅ",
    "ʰ",
    "ª",
    "ΑΒΓ",
    "αβγ",
    "Ж",
    "ж",
    "XMLHttp",
    "aB",
    " Ab",
    "_x",
  ],
  ["it's", "IT'S", "I'm", "we'LL", "they'Ve", "don't", "'s", "'S", "’s", "o'clock", " 'd", "'ſ", "l'été", "'", "''"],
  [
    "1",
    "12",
    "123",
    "1234",
    "12345678",
    " 1",
    " 12",
    "1,234.5",
    "3.14",
    "٣٤",
    "½",
    "Ⅷ",
    "①②",
    "2024-11-28",
    "0x1F",
    "1e9",
  ],
  [
    " ",
    "  ",
    "    ",
    "\n",
    "\n\n",
    " \n",
    "\n ",
    "\r\n",
    "\t",
    "\t\t",
    "\u00a0",
    "\u3000",
    "\u0085",
    "\ufeff",
    "\u2028",
    "x",
  ],
  [
    "!",
    "!!",
    "?!",
    "...",
    "…",
    "://",
    "/",
    "//",
    "/\n",
    ")\n",
    "{\n",
    "};\r\n",
    "--",
    "==",
    "->",
    "#",
    "@x",
    "$1",
    "\\n",
    " (",
  ],
  [
    "é",
    "e\u0301",
    "Å",
    "\u212b",
    "A\u030a",
    "한",
    "\u1112\u1161\u11ab",
    "ﬁ",
    "क्",
    "ि",
    "का",
    "ु",
    "\u0323\u0307",
    "q\u0307\u0323",
    "ñ",
    "n\u0303",
  ],
  [
    "<|im_start|>",
    "<|im_end|>",
    "<|eot_id|>",
    "<|end|>",
    "<|user|>",
    "<think>",
    "</think>",
    "<|endoftext|>",
    " <|im_end|> ",
  ],
  [
    "<s>",
    "</s>",
    "<unk>",
    "[INST]",
    "[/INST]",
    " <s>",
    "<|tool_call|>",
    "<|tool_call|>\n",
    "\n<|user|>\n",
    "<|begin_of_text|>",
    "▁",
  ],
];

/** 5,000 of them, half of the kinds that the other tests use. */
export function layoutTexts(): string[] {
  const random = randomNumbers(41);
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const own = Array.from({ length: 2500 }, (_, i) => {
    const kind = i % 2 === 0 ? pick(kinds) : undefined;
    return Array.from({ length: random(i % 50 === 0 ? 200 : 25) }, () => pick(kind ?? pick(kinds))).join("");
  });
  return [...own, ...texts(2500, 23)];
}

/** Another lot of such texts without special tokens, to learn merges from. */
export function trainingTexts(): string[] {
  const random = randomNumbers(43);
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const own = Array.from({ length: 3000 }, () => {
    const kind = pick(kinds.slice(0, 6));
    return Array.from({ length: 30 }, () => pick(kind)).join("");
  });
  return [...own, ...texts(3000, 29).filter((text) => !/[<[]/.test(text))];
}
