"""Learns byte-level merges with the Rust library `tokenizers`, across the borders of words too.

Input (JSON on stdin): {"texts": [...], "merges": how many}. Output: the merges, "left right" a line.
"""

import json
import sys

from tokenizers import Regex, Tokenizer, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

job = json.load(sys.stdin)
tokenizer = Tokenizer(BPE())
pieces = pre_tokenizers.Split(Regex(r"[\s\S]{1,24}"), "isolated")
tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pieces, pre_tokenizers.ByteLevel(False, use_regex=False)])
alphabet = pre_tokenizers.ByteLevel.alphabet()
trainer = BpeTrainer(vocab_size=256 + job["merges"], initial_alphabet=alphabet, max_token_length=12, show_progress=False)
tokenizer.train_from_iterator(job["texts"], trainer)
merges = json.loads(tokenizer.to_str())["model"]["merges"]
json.dump("\n".join(" ".join(merge) for merge in merges), sys.stdout)
