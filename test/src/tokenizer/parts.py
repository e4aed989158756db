"""What the parts of tokenizer.json do to texts and tokens, each by itself, by the Rust library.

    python parts.py > parts.json

Needs tokenizers. Every vocabulary is single letters in WordPiece's spelling, so that its tokens show where words are cut.
"""

import json
import sys

from tokenizers import Tokenizer

from parts_texts import added_tokens, decoders, pre_tokenizers
from parts_words import models, normalizers


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
