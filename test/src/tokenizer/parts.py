"""What the parts of tokenizer.json do to texts and tokens, each by itself, by the Rust library.

    python parts.py > parts.json

Needs tokenizers. Every vocabulary is single letters in WordPiece's spelling, so that its tokens show where words are cut.
"""

import json
import sys

from tokenizers import Tokenizer

sentence_piece = [
    {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
    {"type": "ByteFallback"},
    {"type": "Fuse"},
]


def strip(start, stop=0, content=" "):
    return {"type": "Strip", "content": content, "start": start, "stop": stop}


def sequence(*decoders):
    return {"type": "Sequence", "decoders": list(decoders)}


def cut(pattern, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}


def level(add_prefix_space, use_regex):
    return {"type": "ByteLevel", "add_prefix_space": add_prefix_space, "trim_offsets": True, "use_regex": use_regex}


def meta(scheme, split, replacement="▁"):
    return {"type": "Metaspace", "replacement": replacement, "prepend_scheme": scheme, "split": split}


def added(content, **flags):
    return {
        "content": content,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": True,
        **flags,
    }


blanks = [
    "x y",
    "it's 12 a",
    "a  b",
    "a\u0085b",
    "a\ufeffb \ufeff",
    "IT'S we'll",
    " a",
    "a \n b",
    "\u3000a",
    "½ 3٣",
    "a \u0085b",
    "!\ufeff!",
    "a \ufeffb",
]
spaces = ["a b", " a  b", "a", "_a_b", "▁a▁b", "", " ", "a b c"]
digits = ["a12b", "½Ⅷ9", "٣٤x", "1 2", "ab"]
folded = ["it's", "IT'S", "it'ſ", "a\u212ab", "akb", "aKb", "ſs", "x'ſ'S", "ss kk"]
stripped = [
    "a <t> b",
    "a\u0085<t>\u0085b",
    "a\ufeff<t>\ufeffb",
    "a\u200b<t>\u200bb",
    "a\n\n<t>\t b",
    "<t>",
    " <t> ",
    "<t> <t>",
    "a <t>",
    "a b <t> c d",
    "a b<t>c d",
]

pre_tokenizers = {
    "Digits, each by itself": ({"type": "Digits", "individual_digits": True}, digits),
    "Digits, together": ({"type": "Digits", "individual_digits": False}, digits),
    "ByteLevel": (level(False, True), blanks),
    "ByteLevel without words": (level(False, False), blanks),
    "ByteLevel with a space before": (level(True, True), ["x y", "it's 12 a", "a  b", "IT'S we'll", " a"]),
    "Split by words without regard to case": (cut({"Regex": "(?i:'s|k)"}), folded),
    "Split by letters without regard to case": (cut({"Regex": "(?i:[sk]+)"}), folded),
    "Split by letters of one case": (cut({"Regex": "[sk]+|'s"}), folded),
    "Split by a string": (cut({"String": "s"}), folded),
    "Split that removes": (cut({"Regex": "(?i:s)+"}, "Removed"), folded),
    "Metaspace": (meta("always", True), spaces),
    "Metaspace before the first word": (meta("first", True), spaces),
    "Metaspace before none": (meta("never", True), spaces),
    "Metaspace without words": (meta("always", False), spaces),
    "Metaspace of another letter": (meta("always", True, "_"), spaces),
    "Sequence": (
        {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": False}, meta("never", True)]},
        ["a 1 22", "12 ½x"],
    ),
    "Whitespace": ({"type": "Whitespace"}, ["a.b", "a !?b", "... a"]),
    "WhitespaceSplit": ({"type": "WhitespaceSplit"}, ["a b", " a  b", "a\n\u3000b", "a\u0085b", "a\ufeffb", "\u200ba"]),
}
added_tokens = {
    "an added token": ([added("<t>")], stripped),
    "an added token that swallows the space before it": ([added("<t>", lstrip=True)], stripped),
    "an added token that swallows the space behind it": ([added("<t>", rstrip=True)], stripped),
    "an added token that swallows the space around it": ([added("<t>", lstrip=True, rstrip=True)], stripped),
    "an added token that is text": ([added("<t>", rstrip=True, special=False)], stripped),
    "added tokens of which one begins another": (
        [added("<t>", rstrip=True), added("<t>x"), added("<t>xy", lstrip=True)],
        ["a <t> b", "a <t>x y", "a <t>xy b", "<t>xx", "<t> <t>xy", "a <t>"],
    ),
    "added tokens of every sign": (
        [
            added(sign, rstrip=True)
            for sign in ["[a]", "a.b", "(a)", "a*", "a+", "a?", "^a", "a$", "{a}", "a|b", "a\\b", "a/b"]
        ],
        [
            "[a] x",
            "a",
            "a.b x",
            "aab x",
            "(a) x",
            "a* x",
            "aa x",
            "a+ x",
            "a? x",
            "^a x",
            "a$ x",
            "{a} x",
            "a|b x",
            "a\\b x",
            "a/b x",
        ],
    ),
    "added tokens, of which a normalized one is found as the library finds it": (
        [added("<t>", rstrip=True), added("<n>", normalized=True)],
        ["a <t> b", "a <n> b", "<n> <t> <n>"],
    ),
}
pieces = [
    ["▁a", "▁b"],
    ["a", "▁", "▁b"],
    ["▁", "▁", "▁a"],
    ["▁▁▁a"],
    ["<0xE4>", "<0xBD>", "<0xA0>"],
    ["<0x4>", "x<0x41>", "<0x41>x"],
    ["<0x20>", "a"],
    ["<0x20>", "<0x20>"],
    [],
    ["b", "_a", "_b"],
    ["▁a", "b▁"],
    ["▁", "<0x20>", "▁a"],
]
# Bytes that the library under phi3lab takes otherwise where it decodes; SentencePiece decodes by code of our own.
broken = [
    ["<0xEF>", "<0xBB>", "<0xBF>", "a"],
    ["<0xe4>", "<0xbd>", "<0xa0>"],
    ["<0xe4>", "a"],
    ["<0xE4>", "▁a"],
    ["a", "<0x41>", "<0xFF>", "b"],
]
levels = [
    ["Hello", "Ġworld"],
    ["ä", "½", "ł"],
    ["ä", "½"],
    ["ł"],
    ["ä", "Ġa"],
    ["ï", "»", "¿", "a"],
    ["日本", "Ġa"],
    ["ä", "日本"],
    ["é"],
    ["ć"],
    ["Ċ", "ĉ", "ł", "Ń"],
    ["a b"],
    [],
]
words = [
    ["a", "##b", "c"],
    ["a", ".", "b"],
    ["do", "n't"],
    ["a", "!", "?"],
    ["##a"],
    [],
    ["a</w>", "b</w>"],
    ["a", "b</w>", "c"],
    ["_a", "_b"],
    ["▁a", "▁b"],
    ["a", "a", "<pad>", "a", "|", "b"],
]
decoders = {
    "ByteLevel": (level(True, True), levels),
    "SentencePiece": (sequence(*sentence_piece, strip(1)), [*pieces, *broken]),
    "SentencePiece that strips two spaces": (sequence(*sentence_piece, strip(2)), pieces),
    "SentencePiece that strips none": (sequence(*sentence_piece, strip(0)), pieces),
    "SentencePiece without Strip": (sequence(*sentence_piece), pieces),
    "like SentencePiece, of another letter": (
        sequence({"type": "Replace", "pattern": {"String": "_"}, "content": " "}, *sentence_piece[1:], strip(1)),
        pieces,
    ),
    "like SentencePiece, with another space": (
        sequence({"type": "Replace", "pattern": {"String": "▁"}, "content": "-"}, *sentence_piece[1:], strip(1)),
        pieces,
    ),
    "like SentencePiece, that strips behind": (
        sequence(*sentence_piece, strip(1, 1)),
        [["▁a", "b▁"], ["a"], ["▁a", "▁", "▁"]],
    ),
    "like SentencePiece, that strips letters": (
        sequence(*sentence_piece, strip(1, 0, "a")),
        [["a", "▁b"], ["▁a"], ["aa"]],
    ),
    "like SentencePiece, without bytes": (sequence(sentence_piece[0], sentence_piece[2], strip(1)), pieces),
    "like SentencePiece, with another step for bytes": (
        sequence(sentence_piece[0], {"type": "Replace", "pattern": {"String": "a"}, "content": "c"}, sentence_piece[2]),
        [["▁a", "▁b"], ["a"]],
    ),
    "like SentencePiece, of pieces": (sequence(sentence_piece[0], sentence_piece[1], strip(1)), pieces),
    "like SentencePiece, with a step more": (
        sequence(*sentence_piece, strip(1), {"type": "Replace", "pattern": {"String": "a"}, "content": "c"}),
        pieces,
    ),
    "Replace alone": (sequence({"type": "Replace", "pattern": {"String": "▁"}, "content": " "}), words),
    "WordPiece": ({"type": "WordPiece", "prefix": "##", "cleanup": False}, words),
    "WordPiece that cleans up": ({"type": "WordPiece", "prefix": "##", "cleanup": True}, words),
    "BPEDecoder": ({"type": "BPEDecoder", "suffix": "</w>"}, words),
    "Metaspace": (meta("always", True), words),
    "Metaspace of another letter": (meta("always", True, "_"), words),
    "none": (None, words),
}


def tokenizer(vocab, **parts):
    empty = {"added_tokens": [], "normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": None}
    model = {
        "type": "WordPiece",
        "unk_token": "[UNK]",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
    }
    ids = {token: i for i, token in enumerate(vocab)}
    return Tokenizer.from_str(json.dumps({"version": "1.0", **empty, **parts, "model": {**model, "vocab": ids}}))


def vocabulary(tokens):
    return list(dict.fromkeys(["[UNK]", *tokens]))


def joined(tokens):
    return "¦".join(tokens)


def of_texts(name, pre_tokenizer, tokens, texts):
    letters = "".join(texts)
    if pre_tokenizer:
        probe = tokenizer(["[UNK]"], pre_tokenizer=pre_tokenizer).pre_tokenizer
        letters = "".join(word for text in texts for word, _ in probe.pre_tokenize_str(text))
    vocab = vocabulary(spelled for letter in sorted(set(letters)) for spelled in (letter, "##" + letter))
    parts = {
        "pre_tokenizer": pre_tokenizer,
        "added_tokens": [{"id": len(vocab) + i, **token} for i, token in enumerate(tokens)],
    }
    library = tokenizer(vocab, **parts)
    tokens_of = lambda text: joined(library.id_to_token(i) for i in library.encode(text).ids)
    return {"name": name, "vocab": joined(vocab), "parts": parts, "tokens": {text: tokens_of(text) for text in texts}}


def of_tokens(name, decoder, rows):
    vocab = vocabulary(token for row in rows for token in row)
    library = tokenizer(vocab, decoder=decoder)
    text_of = lambda row: library.decode([library.token_to_id(token) for token in row])
    decoded = {joined(row): text_of(row) for row in rows}
    return {"name": name, "vocab": joined(vocab), "parts": {"decoder": decoder}, "decoded": decoded}


encoding = [of_texts(name, node, [], texts) for name, (node, texts) in pre_tokenizers.items()]
encoding += [of_texts(name, None, tokens, texts) for name, (tokens, texts) in added_tokens.items()]
decoding = [of_tokens(name, node, rows) for name, (node, rows) in decoders.items()]
json.dump({"encoding": encoding, "decoding": decoding}, sys.stdout, ensure_ascii=False)
