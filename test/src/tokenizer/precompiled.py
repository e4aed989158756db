"""What the normalizer Precompiled does to texts, by the Rust library.

    python precompiled.py > precompiled.json

Needs tokenizers, and sentencepiece with protobuf, which writes the table of replacements as it does for a model.
"""

import base64
import json
import pathlib
import random
import sys
import tempfile
import unicodedata

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers.normalizers import Precompiled

COMPATIBLE = "ﬁﬃ½①②ＡＢｃ　\u212b™…㍿ｶ"
rules = {
    **{letter: unicodedata.normalize("NFKC", letter) for letter in COMPATIBLE},
    "e\u0301": "é",
    "o\u0302\u0301": "ố",
    "\u200b": "",
    "\t": " ",
    "a": "A",
    "ab": "X",
    "abc": "YZ",
    "👍🏽": "👍",
    "ß": "ss",
}


def table(folder):
    """The rules as sentencepiece compiles them."""
    folder = pathlib.Path(folder)
    codes = lambda text: " ".join(f"{ord(letter):X}" for letter in text)
    lines = sorted(f"{codes(text)}\t{codes(becomes)}\n" for text, becomes in rules.items())
    (folder / "rules.tsv").write_text("".join(lines), encoding="utf-8")
    (folder / "text.txt").write_text("a few words of no meaning\n" * 20, encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "text.txt"),
        model_prefix=str(folder / "model"),
        vocab_size=24,
        hard_vocab_limit=False,
        normalization_rule_tsv=str(folder / "rules.tsv"),
        minloglevel=2,
    )
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString((folder / "model.model").read_bytes())
    return model.normalizer_spec.precompiled_charsmap


with tempfile.TemporaryDirectory() as folder:
    charsmap = table(folder)
normalizer = Precompiled(charsmap)
texts = ["", "a", "ab", "abc", "abcd ba", "ﬁn ½ ①②", "ＡＢｃ　x", "e\u0301a e\u0301\u0302", "o\u0302\u0301", "ß\t\u200b."]
texts += ["👍🏽 👍", "👨‍👩‍👧a", "\r\nab", "\u212b™…", "ｶﾞ", "\u1112\u1161\u11ab한", "a\u0301b\u0300", "\u0000ab\u0000"]
pieces = [*rules, *"bcdxyz .é1中😀", "\u0301", "\u0302", "\u200d", "🏽", "\r", "\n", "\u0e33", "\u0915\u094d"]
random.seed(23)
texts += ["".join(random.choices(pieces, k=random.randint(1, 12))) for _ in range(500)]
cases = [[text, normalizer.normalize_str(text)] for text in texts]
print(json.dumps({"charsmap": base64.b64encode(charsmap).decode(), "cases": cases}, ensure_ascii=False))
