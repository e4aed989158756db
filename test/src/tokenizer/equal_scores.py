"""How a SentencePiece vocabulary with pieces of equal score cuts words, by transformers' merges and the Rust library.

    python equal_scores.py < equal_scores.json (its "pieces" and "scores") > new equal_scores.json

Needs transformers and tokenizers.
"""

import itertools
import json
import sys

from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.normalizers import Prepend, Replace, Sequence
from transformers.convert_slow_tokenizer import generate_merges

job = json.load(sys.stdin)
vocab = {piece: i for i, piece in enumerate(job["pieces"])}
scores = dict(zip(job["pieces"], job["scores"]))
merges = generate_merges(vocab, scores)
tokenizer = Tokenizer(BPE(vocab, merges, unk_token="<unk>", fuse_unk=True))
tokenizer.normalizer = Sequence([Prepend("▁"), Replace(" ", "▁")])
words = ["".join(letters) for n in range(1, 6) for letters in itertools.product("abcd", repeat=n)]
words = [word for i, word in enumerate(words) if len(word) < 4 or i % 5 == 0]
job["tokens"] = {word: tokenizer.encode(word).tokens for word in words}
json.dump(job, sys.stdout, ensure_ascii=False)
