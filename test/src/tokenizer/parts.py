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
BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
signs = ["a,b!!c", "!a", "a!", "!!", "-a--b-", "a$b€c«d»…e", "x", "a_b"]
for behavior in BEHAVIORS:
    pre_tokenizers[f"Punctuation, {behavior}"] = ({"type": "Punctuation", "behavior": behavior}, signs)
    for invert in (False, True):
        of = ", inverted" if invert else ""
        pre_tokenizers[f"Split, {behavior}{of}"] = (cut({"Regex": "-+"}, behavior, invert), signs)
        pre_tokenizers[f"Split by a string, {behavior}{of}"] = (cut({"String": "!"}, behavior, invert), signs)
for size in (1, 2, 5):
    pre_tokenizers[f"FixedLength of {size}"] = ({"type": "FixedLength", "length": size}, ["abcde", "abcdef", "a", "é😀b", "ab cd"])
pre_tokenizers |= {
    "BertPreTokenizer": ({"type": "BertPreTokenizer"}, [*signs, "a b  c", "it's"]),
    "CharDelimiterSplit": ({"type": "CharDelimiterSplit", "delimiter": "-"}, signs),
    "UTF-8 of emoji": (level(False, True), ["😀a 👍🏽", "e\u0301 ab"]),
}
lines = ["a1 b_c", "½Ⅷ①٣", "aé\u0301 İıß", "a\u200db", "x\u00a0y", "a\n\nb\r\nc", "AbC123", "ſsS kK\u212a", "ÀÉ àé", "", "a\u0085b", "  a  b  "]
expressions = [
    r"\w+",
    r"\W",
    r"\d+",
    r"\s",
    r"\S+",
    r"\h+",
    r"[[:alpha:]]+",
    r"[[:digit:][:punct:]]+",
    r"[^\w\s]+",
    r"\bb",
    r"(?i)abc|k",
    r"(?i:[a-c]+)",
    r"(?i:é|ÿ|s)",
    r"(?-i:a)b?",
    r"a(?=\n)|b$",
    r"^b|^c",
    r"\A.",
    r".\z",
    r"(?>a+)b",
    r"[^\r\n\p{L}\p{N}]?+\p{L}++",
    r"\p{Lu}\p{Ll}*",
    r"\p{Han}|\p{Alpha}",
    r"\p{^L}",
    r"\x61|\x{62}",
    r"(a)(b)?",
    r"a{2,}|b{1}",
    r"\s+$",
    r"\n+|.",
    r"\R",
    r"'(?i:[sdmt]|ll|ve|re)| ?\p{L}+",
    r"(?<=a)1",
    r"",
]
for expression in expressions:
    pre_tokenizers[f"the expression {expression}"] = (cut({"Regex": expression}), lines)
added_tokens = {
    "an added token that is a word of its own": (
        [added("ab", single_word=True)],
        ["ab", "ab c", "xab", "abx", "x ab y", "ab,ab", "_ab", "éab", "ab1", "ab\u0301", "😀ab", "abab", "ab ab"],
    ),
    "an added token that is a word of its own and swallows space": (
        [added("ab", single_word=True, lstrip=True, rstrip=True)],
        ["x ab y", "xab  ab  abx", "  ab", "ab  ", "a ab ab b"],
    ),
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
normalizers = {
    "Lowercase": ({"type": "Lowercase"}, ["ÀÉ ABC", "ΣΑΣ Σ", "İ", "ẞ"]),
    "StripAccents": ({"type": "StripAccents"}, ["e\u0301a", "é", "\u0b3e\u093f"]),
    "NFC": ({"type": "NFC"}, ["e\u0301", "\u212b", "한"]),
    "NFKC": ({"type": "NFKC"}, ["ﬁ½", "①", "Å"]),
    "NFD": ({"type": "NFD"}, ["é", "한"]),
    "NFKD": ({"type": "NFKD"}, ["ﬁé"]),
    "Strip": ({"type": "Strip", "strip_left": True, "strip_right": True}, ["  a b ", "\u3000a\u0085", "", " ", "\ufeffa"]),
    "Strip on the left": ({"type": "Strip", "strip_left": True, "strip_right": False}, ["  a b "]),
    "Prepend": ({"type": "Prepend", "prepend": "▁"}, ["a", "", "▁a"]),
    "Replace": ({"type": "Replace", "pattern": {"String": " "}, "content": "▁$1"}, ["a b  c", ""]),
    "Replace by an expression": ({"type": "Replace", "pattern": {"Regex": " {2,}|\\n"}, "content": "▁"}, ["a b  c\nd", "a   b"]),
    "Sequence": (
        {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"}]},
        ["ÉÀ ab", "Å"],
    ),
    "BertNormalizer": (
        {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
        ["É\ta\u0000b\u200b", "a中文b", "ÀB\u00a0c\ufffdd", "x\r\ny"],
    ),
    "BertNormalizer that keeps case": (
        {"type": "BertNormalizer", "clean_text": False, "handle_chinese_chars": False, "strip_accents": None, "lowercase": False},
        ["É\ta", "a中文b"],
    ),
    "Nmt": ({"type": "Nmt"}, ["a\u200bb\u0001c\u2028d▁e\ufefff\x7fg\tah"]),
    "ByteLevel": ({"type": "ByteLevel"}, ["é a\n😀"]),
}
FALLBACK = {f"<0x{byte:02X}>": byte + 3 for byte in range(256)}
LETTERS = ["<unk>", "a", "b", "c", "ab", "abc", "##b", "##c", "##bc", "c</w>", "bc</w>", "b</w>", "é"]
ids = {token: i for i, token in enumerate(LETTERS)}
plain = {"type": "BPE", "vocab": ids, "merges": ["a b", "ab c"], "unk_token": "<unk>", "fuse_unk": False, "byte_fallback": False}
pieces_of = [["<unk>", 0.0], ["a", -1.0], ["b", -2.0], ["ab", -2.5], ["abc", -3.0], ["é", -4.0], ["bc", -2.5], ["😀", -3.0]]
spelled = ["abc", "ab", "aab", "xabx", "xxab", "éa😀", "", "cba", "abcabc", "😀😀x"]
models = {
    "BPE": (plain, spelled),
    "BPE without an unknown token": ({**plain, "unk_token": None}, spelled),
    "BPE that fuses unknown letters": ({**plain, "fuse_unk": True}, spelled),
    "BPE of bytes": (
        {**plain, "vocab": {"<unk>": 0, "a": 1, "b": 2, **FALLBACK, "ab": 300, "c": 301, "abc": 302}, "byte_fallback": True, "fuse_unk": True},
        spelled,
    ),
    "BPE of some bytes": (
        {**plain, "vocab": {"<unk>": 0, "a": 1, "b": 2, "ab": 3, "c": 4, "abc": 5, "<0x78>": 6}, "byte_fallback": True},
        spelled,
    ),
    "BPE of whole words first": ({**plain, "merges": [], "ignore_merges": True}, spelled),
    "BPE with a prefix": (
        {**plain, "merges": ["##b ##c", "a ##bc", "a ##b"], "continuing_subword_prefix": "##", "vocab": {**ids, "ab": 4}},
        spelled,
    ),
    "BPE with a suffix": ({**plain, "merges": ["b c</w>"], "end_of_word_suffix": "</w>"}, spelled),
    "BPE of overlapping merges": (
        {**plain, "vocab": {t: i for i, t in enumerate(["<unk>", "a", "aa", "aaa", "aaaa", "b", "ab", "ba", "aab"])}, "merges": ["a a", "aa a", "aa aa", "a b", "aa b", "b a"]},
        ["aaaaa", "aaab", "baab", "abaab", "aaaaaaaab"],
    ),
    "WordLevel": ({"type": "WordLevel", "vocab": ids, "unk_token": "<unk>"}, spelled[:-4]),
    "WordPiece": (
        {"type": "WordPiece", "vocab": ids, "unk_token": "<unk>", "continuing_subword_prefix": "##", "max_input_chars_per_word": 4},
        spelled,
    ),
    "Unigram": ({"type": "Unigram", "vocab": pieces_of, "unk_id": 0, "byte_fallback": False}, spelled),
    "Unigram of bytes": (
        {"type": "Unigram", "vocab": [*pieces_of, *([token, -20.0] for token in FALLBACK)], "unk_id": 0, "byte_fallback": True},
        spelled,
    ),
}
spaced = [["▁a", "▁b"], ["▁", "▁a▁b"], ["a", "▁"], []]
decoders = {
    "Metaspace before the first": (meta("first", True), spaced),
    "Metaspace before none": (meta("never", True), spaced),
    "CTC": (
        {"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": True},
        [["a", "a", "<pad>", "a", "|", "b"], ["<pad>"], ["a", "|", ".", "b"]],
    ),
    "Strip of each": (sequence(strip(1, 1)), [["▁a"], [" a ", " b "], ["a"]]),
    "Fuse and WordPiece": (
        sequence({"type": "Fuse"}, {"type": "WordPiece", "prefix": "##", "cleanup": True}),
        [["a", " .", "##b"], ["##a"]],
    ),
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


def of_normalizer(name, node, texts):
    normalizer = tokenizer(["[UNK]"], normalizer=node).normalizer
    return {"name": name, "normalizer": node, "texts": {text: normalizer.normalize_str(text) for text in texts}}


def of_model(name, model, texts):
    empty = {"added_tokens": [], "normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": None}
    library = Tokenizer.from_str(json.dumps({"version": "1.0", **empty, "model": model}))
    return {"name": name, "model": model, "ids": {text: library.encode(text).ids for text in texts}}


encoding = [of_texts(name, node, [], texts) for name, (node, texts) in pre_tokenizers.items()]
encoding += [of_texts(name, None, tokens, texts) for name, (tokens, texts) in added_tokens.items()]
decoding = [of_tokens(name, node, rows) for name, (node, rows) in decoders.items()]
normalizing = [of_normalizer(name, node, texts) for name, (node, texts) in normalizers.items()]
modelling = [of_model(name, node, texts) for name, (node, texts) in models.items()]
results = {"encoding": encoding, "decoding": decoding, "normalizing": normalizing, "modelling": modelling}
json.dump(results, sys.stdout, ensure_ascii=False)
