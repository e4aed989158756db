"""What parts.py tries that rewrites texts and spells words: normalizers and models."""

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
