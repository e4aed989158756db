"""The edges of what a model may be, as transformers computes them in float32: edges/one_head/, a tiny random model of one
head and a vocabulary of 3 whose context is 40, and edges.json beside it.

    python make_edges.py

edges.json: `full`, the logits of a prompt that fills the context and the token that follows it; `one`, the greedy tokens
after a prompt of one token, which fill it too; `nonfinite`, the last position's logits of tiny/multi_head when one of its
weights is infinite or NaN, such numbers as strings.
"""

import json
import math
import shutil
from pathlib import Path

import torch
from transformers import Phi3ForCausalLM

from make_tiny import build, greedy

HERE = Path(__file__).parent
CONTEXT = 40
SETTINGS = dict(
    vocab_size=3, hidden_size=50, intermediate_size=70, num_hidden_layers=2, num_attention_heads=1,
    num_key_value_heads=1, head_dim=32, max_position_embeddings=CONTEXT, pad_token_id=0, bos_token_id=1, eos_token_id=2,
)
PROMPT = [5, 77, 130, 9, 201, 64]
DAMAGES = [
    ("model.layers.1.mlp.down_proj.weight", 100, math.inf),
    ("model.layers.0.mlp.gate_up_proj.weight", 3, -math.inf),
    ("model.layers.2.self_attn.o_proj.weight", 7, math.nan),
    ("model.norm.weight", 5, math.inf),
    ("lm_head.weight", 48 * 17 + 3, math.inf),
    ("lm_head.weight", 48 * 200, math.nan),
    ("model.embed_tokens.weight", 48 * PROMPT[0] + 1, math.inf),
]


def logits_of(model, prompt):
    with torch.no_grad():
        return model(torch.tensor([prompt])).logits.squeeze(0)


def main():
    edges = {}
    for seed in range(1000):
        model = build("one_head", SETTINGS, seed)
        prompt = torch.randint(0, 3, (CONTEXT,)).tolist()
        after, _ = greedy(model, prompt, 1)
        tokens, gap = greedy(model, [1], CONTEXT)
        if gap > 1e-2 and len(set(tokens)) == 3:
            break
    shutil.rmtree(HERE / "edges", ignore_errors=True)
    model.save_pretrained(HERE / "edges" / "one_head")
    edges["full"] = {"prompt": prompt, "logits": logits_of(model, prompt).tolist(), "token": after[0]}
    edges["one"] = {"prompt": [1], "tokens": tokens}
    edges["nonfinite"] = []
    for name, index, value in DAMAGES:
        model = Phi3ForCausalLM.from_pretrained(HERE / "tiny" / "multi_head", attn_implementation="eager").eval()
        with torch.no_grad():
            model.get_parameter(name).view(-1)[index] = value
        logits = [x if math.isfinite(x) else str(x) for x in logits_of(model, PROMPT)[-1].tolist()]
        edges["nonfinite"].append({"name": name, "index": index, "value": str(value), "prompt": PROMPT, "logits": logits})
        print(name, index, value, sorted({x if isinstance(x, str) else "finite" for x in logits}))
    (HERE / "edges" / "edges.json").write_text(json.dumps(edges) + "\n")
    print("seed", seed, "gap", gap)


if __name__ == "__main__":
    main()
