"""What transformers computes in float32 when PyTorch hooks change what passes through it: tiny models, every place that
can be edited by every operation, at all positions, one, and new ones; edges of attention cut.

    python make_edits.py                 # writes edits.json beside this file
    python make_edits.py FILE.gguf       # writes edits_smollm2.json: SmolLM2 steered, and without heads

Places are named as `ForwardOptions.taps` in src/native/passes.ts names them.
"""

import json
import sys
from contextlib import contextmanager
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

HERE = Path(__file__).parent
MODELS = ("grouped", "window", "llama")
PROMPT = [5, 77, 130, 9, 201, 64, 33, 150, 8, 91, 12, 180]
TEXT = PROMPT + [44, 7, 199, 102]
LAYER = 1
KEPT_ROWS, STRIDE = (3, 8, 11, 15), 13
POSITIONS = {"all": "all", "one": [7], "new": {"from": len(PROMPT)}}
OPS = ("add", "multiply", "set", "project_out")
NEW = 8  # tokens that are generated

POSITIVE = ["I love this so much", "What a wonderful day", "This is the best gift ever", "I am so happy today"]
NEGATIVE = ["I hate this so much", "What a horrible day", "This is the worst gift ever", "I am so sad today"]
REVIEW = "I went to the new restaurant in town. The food was"
STEERED = 14


def planted(n):
    """Numbers in [-1, 1] that any language makes alike."""
    i = torch.arange(n, dtype=torch.int64)
    return ((i * 7919 + 31) % 211 - 105).to(torch.float32) / 105


def rows_of(positions, total):
    if positions == "all":
        return slice(None)
    if isinstance(positions, dict):
        return slice(positions["from"], positions.get("to", total))
    return [p for p in positions if p < total]


def edited(x, edit):
    """(T, n) under an edit."""
    x = x.clone()
    rows = rows_of(edit["positions"], x.shape[0])
    first, last = edit.get("columns", (0, x.shape[1]))
    part = x[rows, first:last]
    value = planted(last - first)
    if edit["op"] == "add":
        part = part + edit["scale"] * value
    elif edit["op"] == "multiply":
        part = part * edit["scale"]
    elif edit["op"] == "set":
        part = value.expand_as(part)
    else:
        unit = value / value.norm()
        part = part - (part @ unit).unsqueeze(-1) * unit
    x[rows, first:last] = part
    return x


@contextmanager
def attention(model, change):
    """`change` gets queries, keys, values and the mask of a layer, and gives those in their place."""
    module = sys.modules[type(model).__module__]
    eager = module.eager_attention_forward

    def forward(self, query, key, value, attention_mask, *args, **kwargs):
        query, key, value, attention_mask = change(self.layer_idx, query, key, value, attention_mask)
        return eager(self, query, key, value, attention_mask, *args, **kwargs)

    module.eager_attention_forward = forward
    try:
        yield
    finally:
        module.eager_attention_forward = eager


@contextmanager
def under(model, edit):
    """The model with one edit."""
    at = edit["at"]
    rows = lambda x: edited(x.squeeze(0), edit).unsqueeze(0)
    if at.endswith("rotary"):
        def change(layer, query, key, value, mask):
            if layer != LAYER:
                return query, key, value, mask
            flat = lambda x: x.squeeze(0).transpose(0, 1).flatten(1)
            x = edited(torch.cat([flat(query), flat(key), flat(value)], -1), edit)
            heads, kv, dim = query.shape[1], key.shape[1], query.shape[3]
            parts = x.split([heads * dim, kv * dim, kv * dim], -1)
            back = lambda x, n: x.view(-1, n, dim).transpose(0, 1).unsqueeze(0)
            return back(parts[0], heads), back(parts[1], kv), back(parts[2], kv), mask

        with attention(model, change):
            yield
        return
    before = {"self_attn.context": "self_attn.o_proj", "mlp.activation_fn": "mlp.down_proj"}
    for place, reader in before.items():
        if at.endswith(place):
            module = model.get_submodule(at.replace(place, reader))
            handle = module.register_forward_pre_hook(lambda _m, args: (rows(args[0]),) + args[1:])
            break
    else:
        change = lambda out: (rows(out[0]),) + out[1:] if isinstance(out, tuple) else rows(out)
        handle = model.get_submodule(at).register_forward_hook(lambda _m, _i, out: change(out))
    try:
        yield
    finally:
        handle.remove()


def logits_of(model, ids):
    with torch.no_grad():
        return model(torch.tensor([ids]), use_cache=False).logits[0]


def greedy(model, ids, count):
    """Tokens without a cache, and the least distance of the best two scores on the way."""
    ids, gap = list(ids), float("inf")
    for _ in range(count):
        best = logits_of(model, ids)[-1].topk(2)
        gap = min(gap, (best.values[0] - best.values[1]).item())
        ids.append(best.indices[0].item())
    return ids[-count:], gap


def kept(logits):
    return [[round(x, 6) for x in logits[row, ::STRIDE].tolist()] for row in KEPT_ROWS]


def places(model):
    base = f"model.layers.{LAYER}"
    parts = ["input_layernorm", "self_attn.rotary", "self_attn.context", "self_attn.o_proj", "post_attention_layernorm",
             "mlp.activation_fn", "mlp.down_proj"]
    if hasattr(model.model.layers[0].self_attn, "qkv_proj"):  # elsewhere these are several modules
        parts += ["self_attn.qkv_proj", "mlp.gate_up_proj"]
    return ["model.embed_tokens", base, *(f"{base}.{part}" for part in parts), "model.norm"]


def edits_of(model):
    scale = {"add": 0.75, "multiply": -0.5}
    for at in places(model):
        for op in OPS:
            for positions in POSITIONS.values():
                edit = {"at": at, "op": op, "positions": positions}
                yield edit | ({"scale": scale[op]} if op in scale else {})
    dim = model.config.hidden_size // model.config.num_attention_heads
    base = f"model.layers.{LAYER}"
    for op in OPS:  # one head, and some neurons
        more = {"scale": scale[op]} if op in scale else {}
        yield {"at": f"{base}.self_attn.context", "op": op, "positions": "all", "columns": [2 * dim, 3 * dim]} | more
        yield {"at": f"{base}.mlp.activation_fn", "op": op, "positions": [1, 4, 15], "columns": [17, 41]} | more


CUTS = [
    {"layer": 1, "heads": [2], "from": "all", "to": [0]},
    {"layer": 0, "heads": [0, 1, 2, 3], "from": [11, 15], "to": {"from": 3, "to": 9}},
    {"layer": 2, "heads": [1, 3], "from": {"from": 12}, "to": [1, 4, 10, 13]},
    {"layer": 1, "heads": [3], "from": [8], "to": [7, 8]},
]


def cut(model, spec):
    def change(layer, query, key, value, mask):
        if layer != spec["layer"]:
            return query, key, value, mask
        mask = mask.expand(1, query.shape[1], -1, -1).clone()
        total = key.shape[2]
        queries = torch.zeros(total, dtype=torch.bool)
        keys = torch.zeros(total, dtype=torch.bool)
        queries[rows_of(spec["from"], total)] = True
        keys[rows_of(spec["to"], total)] = True
        for head in spec["heads"]:
            mask[0, head][queries.unsqueeze(1) & keys.unsqueeze(0)] = torch.finfo(mask.dtype).min
        # A query that sees nothing is a case of its own: the spread over all that PyTorch makes of it is no answer.
        assert ((mask == 0).any(-1) | (torch.arange(total) < 1)).all()
        return query, key, value, mask

    return attention(model, change)


def tiny():
    torch.set_num_threads(1)
    golden = {"prompt": PROMPT, "text": TEXT, "rows": KEPT_ROWS, "stride": STRIDE, "models": {}}
    for name in MODELS:
        model = AutoModelForCausalLM.from_pretrained(HERE / "tiny" / name, attn_implementation="eager").eval()
        cases = []
        for edit in edits_of(model):
            with under(model, edit):
                case = {"edit": edit, "logits": kept(logits_of(model, TEXT))}
                if edit["positions"] == POSITIONS["new"]:
                    case["tokens"], case["gap"] = greedy(model, PROMPT, NEW)
            cases.append(case)
        cuts = []
        for spec in CUTS:
            if spec["to"] == [0] and name != "window":  # query 0 sees but itself
                spec = spec | {"from": {"from": 1}}
            if name == "window" and spec["from"] != [8]:
                spec = spec | {"to": [p for p in (9, 10, 12) if p]}
                spec = spec | {"from": [11, 14, 15]}
            with cut(model, spec):
                cuts.append({"cut": spec, "logits": kept(logits_of(model, TEXT))})
        golden["models"][name] = {"cases": cases, "cuts": cuts}
    (HERE / "edits.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    print({name: len(found["cases"]) for name, found in golden["models"].items()})


def direction(model, tokenizer):
    def last(text):
        with torch.no_grad():
            ids = tokenizer(text, return_tensors="pt").input_ids
            caught = []
            handle = model.model.layers[STEERED].register_forward_hook(
                lambda _m, _i, out: caught.append(out[0] if isinstance(out, tuple) else out))
            model(ids)
            handle.remove()
            return caught[0][0, -1]

    mean = lambda texts: torch.stack([last(text) for text in texts]).double().mean(0)
    return (mean(POSITIVE) - mean(NEGATIVE)).float()


def smollm2(gguf):
    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    vector = direction(model, tokenizer)
    ids = tokenizer(REVIEW).input_ids
    golden = {
        "positive": POSITIVE, "negative": NEGATIVE, "layer": STEERED, "prompt": REVIEW, "ids": ids,
        "direction": [round(x, 6) for x in vector[::37].tolist()], "steered": [],
    }
    for scale in (-1.5, 0.0, 1.0):
        change = lambda _m, _i, out: (out[0] + scale * vector,) + out[1:] if isinstance(out, tuple) else out + scale * vector
        handle = model.model.layers[STEERED].register_forward_hook(change)
        tokens, gap = greedy(model, ids, 32)
        logs = logits_of(model, ids)[-1].double().log_softmax(-1)
        handle.remove()
        words = {word: round(logs[tokenizer(word, add_special_tokens=False).input_ids[0]].item(), 6)
                 for word in (" terrible", " amazing", " delicious")}
        golden["steered"].append(
            {"scale": scale, "tokens": tokens, "gap": gap, "text": tokenizer.decode(tokens), "log_probs": words})
    (HERE / "edits_smollm2.json").write_text(json.dumps(golden) + "\n")
    for one in golden["steered"]:
        print(one)


if __name__ == "__main__":
    smollm2(Path(sys.argv[1])) if len(sys.argv) > 1 else tiny()
