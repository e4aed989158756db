"""What parts.py tries that takes texts apart: pre-tokenizers and added tokens; and the tokens that decoders join."""


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
