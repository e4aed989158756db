"""What transformers makes of the settings beside a tokenizer.json: special tokens, padding, truncation.

    python settings.py > settings.json

Needs transformers. The tokenizer has a word for each letter from a to h, and <s>, </s> and <unk>.
"""

import json
import os
import sys
import tempfile

from transformers import AutoTokenizer

FLAGS = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
VOCAB = {token: i for i, token in enumerate(["<unk>", "<s>", "</s>", *"abcdefgh", "<in_vocab>"])}
TEMPLATE = {
    "type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {t: {"id": t, "ids": [VOCAB[t]], "tokens": [t]} for t in ["<s>", "</s>"]},
}
BASE = {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": [{"id": i, "content": t, **FLAGS} for i, t in enumerate(["<unk>", "<s>", "</s>"])],
    "normalizer": None,
    "pre_tokenizer": {"type": "WhitespaceSplit"},
    "post_processor": None,
    "decoder": None,
    "model": {"type": "WordLevel", "vocab": VOCAB, "unk_token": "<unk>"},
}
NAMED = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
PAD = {**NAMED, "pad_token": "[PAD]"}
PADDING = {"strategy": "BatchLongest", "direction": "Left", "pad_to_multiple_of": None, "pad_id": 2, "pad_type_id": 0, "pad_token": "</s>"}
TEXTS = ["a b c d e", "a b", "x <s> [PAD] a<extra>b<second>", "a [PAD]b"]

CASES = {
    "no settings": [{}, {}],
    "named tokens of the vocabulary": [{}, NAMED],
    "a pad_token that tokenizer.json lacks": [{}, PAD],
    "a pad_token of the vocabulary that is no added token": [{}, {**NAMED, "pad_token": "<in_vocab>"}],
    "a pad_token with flags": [{}, {**NAMED, "pad_token": {"__type": "AddedToken", "content": "[PAD]", **FLAGS, "rstrip": True}}],
    "additional special tokens": [{}, {**NAMED, "additional_special_tokens": ["<extra>", "<second>"]}],
    "extra special tokens": [{}, {**PAD, "extra_special_tokens": ["<extra>", "</s>"]}],
    "extra special tokens by name": [{}, {**NAMED, "extra_special_tokens": {"image_token": "<extra>", "boi_token": "<second>"}}],
    "tokens by names of the model's own": [{}, {**NAMED, "image_token": "<extra>"}],
    "mask, sep and cls": [{}, {**PAD, "mask_token": "[MASK]", "sep_token": "[SEP]", "cls_token": "<s>"}],
    "padding on the left": [{}, {**PAD, "padding_side": "left"}],
    "padding on the right": [{}, {**PAD, "padding_side": "right"}],
    "truncation on the left": [{}, {**PAD, "padding_side": "left", "truncation_side": "left"}],
    "padding of tokenizer.json": [{"padding": PADDING}, NAMED],
    "BOS and EOS around": [{"post_processor": TEMPLATE}, {**PAD, "padding_side": "right"}],
    "BOS and EOS around, truncation on the left": [{"post_processor": TEMPLATE}, {**PAD, "padding_side": "right", "truncation_side": "left"}],
    "BOS without a token": [{}, {"add_bos_token": True, "eos_token": "</s>"}],
}


def observe(tokenizer):
    has_pad = tokenizer.pad_token is not None
    encode = lambda **options: tokenizer(TEXTS, **options)["input_ids"]
    return {
        "special": {name: token for name, token in tokenizer.special_tokens_map.items() if isinstance(token, str)},
        "ids": sorted(tokenizer.all_special_ids),
        "pad_token_id": tokenizer.pad_token_id,
        "size": len(tokenizer),
        "vocab_size": tokenizer.vocab_size,
        "sides": [tokenizer.padding_side, tokenizer.truncation_side],
        "plain": encode(),
        "without": encode(add_special_tokens=False),
        "cut": encode(max_length=3, truncation=True),
        "padded": encode(padding=True) if has_pad else None,
        "exact": encode(padding="max_length", max_length=4, truncation=True) if has_pad else None,
        "decoded": [tokenizer.decode(ids, skip_special_tokens=skip) for ids in encode() for skip in (False, True)],
    }


# Files beside tokenizer.json, tokenizer_config.json's own template among them as "config".
TEMPLATES = [
    {},
    {"config": "C"},
    {"config": [{"name": "default", "template": "C"}, {"name": "rag", "template": "R"}]},
    {"chat_template.jinja": "J"},
    {"config": "C", "chat_template.jinja": "J"},
    {"chat_template.jinja": "J", "additional_chat_templates/tool_use.jinja": "T"},
    {"chat_template.jinja": "J", "additional_chat_templates/tool_use.jinja": "T", "additional_chat_templates/a.b.jinja": "A"},
    {"chat_template.jinja": "J", "additional_chat_templates/note.txt": "T"},
    {"chat_template.jinja": "J", "additional_chat_templates/default.jinja": "T"},
    {"additional_chat_templates/tool_use.jinja": "T"},
    {"config": [{"name": "default", "template": "C"}], "chat_template.jinja": "J", "additional_chat_templates/rag.jinja": "R"},
]


def templates(files):
    config = {"tokenizer_class": "PreTrainedTokenizerFast", **({"chat_template": files["config"]} if "config" in files else {})}
    texts = {"tokenizer.json": json.dumps(BASE), **files, "tokenizer_config.json": json.dumps(config)}
    texts.pop("config", None)
    with tempfile.TemporaryDirectory() as folder:
        for file, text in texts.items():
            os.makedirs(os.path.dirname(os.path.join(folder, file)), exist_ok=True)
            with open(os.path.join(folder, file), "w") as handle:
                handle.write(text)
        return {"files": texts, "chat_template": AutoTokenizer.from_pretrained(folder).chat_template}


results = []
for name, (parts, config) in CASES.items():
    with tempfile.TemporaryDirectory() as folder:
        tokenizer_json = {**BASE, **parts}
        for file, content in [("tokenizer.json", tokenizer_json), ("tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", **config})]:
            with open(os.path.join(folder, file), "w") as handle:
                json.dump(content, handle)
        results.append({"name": name, "json": tokenizer_json, "config": config, "expected": observe(AutoTokenizer.from_pretrained(folder))})
json.dump({"texts": TEXTS, "cases": results, "templates": [templates(files) for files in TEMPLATES]}, sys.stdout, ensure_ascii=False, indent=1)
