"""Encodes and decodes with the Rust library `tokenizers`: the reference of the tests beside this file.

Input (JSON on stdin): {"tokenizer": a tokenizer.json, or "gguf": a file with a byte-level vocabulary, "texts": [...],
"sequences": [[ids]]}. Output: {"ids": [[...]], "decoded": [[with special tokens, without]]} for texts, then sequences.
"""

import json
import sys

from tokenizers import Tokenizer

SMOLLM_PRE_TOKENIZER = {
    "type": "Sequence",
    "pretokenizers": [
        {"type": "Digits", "individual_digits": True},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
    ],
}


def from_gguf(path):
    """SmolLM2's published tokenizer.json, put together from the same vocabulary as gguf-py reads it."""
    from gguf import GGUFReader

    fields = GGUFReader(path).fields
    strings = lambda key: [bytes(fields[key].parts[i]).decode() for i in fields[key].data]
    tokens = strings("tokenizer.ggml.tokens")
    types = [int(fields["tokenizer.ggml.token_type"].parts[i][0]) for i in fields["tokenizer.ggml.token_type"].data]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0",
        "added_tokens": [{"id": i, "content": t, **flags} for i, t in enumerate(tokens) if types[i] == 3],
        "normalizer": None,
        "pre_tokenizer": SMOLLM_PRE_TOKENIZER,
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "vocab": {t: i for i, t in enumerate(tokens)},
            "merges": strings("tokenizer.ggml.merges"),
        },
    }


job = json.load(sys.stdin)
spec = from_gguf(job["gguf"]) if "gguf" in job else job["tokenizer"]
tokenizer = Tokenizer.from_str(json.dumps(spec))
ids = [tokenizer.encode(text, add_special_tokens=True).ids for text in job["texts"]]
decoded = [[tokenizer.decode(s, skip_special_tokens=skip) for skip in (False, True)] for s in ids + job["sequences"]]
json.dump({"ids": ids, "decoded": decoded}, sys.stdout)
