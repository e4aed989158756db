"""What TransformerLens finds in the tiny Llama and in SmolLM2-135M-Instruct's GGUF, in float32: direct logit attribution,
scores of heads, activation patching.

    pip install transformer_lens==4.3.0         # beside what requirements.txt names
    python make_transformer_lens.py FILE.gguf   # writes transformer_lens.json beside this file
"""

import json
import sys
from pathlib import Path

import torch
from transformer_lens import head_detector, patching
from transformer_lens.model_bridge import TransformerBridge
from transformers import AutoModelForCausalLM, AutoTokenizer

HERE = Path(__file__).parent
# The random tokens of seed 0 for SmolLM2's vocabulary, and some of the tiny Llama's.
SEEDED = [43590, 12974, 613, 33090, 1598, 25214, 1199, 18165, 30096, 665, 46944, 2071]
SEEDED += [21109, 1806, 35365, 37250, 21446, 25786, 31480, 10060, 26065, 11007, 45023, 8503]
CLEAN, CORRUPTED = "The capital of France is", "The capital of Italy is"


def rounded(tensor):
    return [rounded(part) for part in tensor] if tensor.dim() > 0 else round(tensor.item(), 6)


def attribution(model, ids, token, against):
    # logit_attrs leaves the final norm's own weights to the head, into which they are folded first.
    model.process_weights(fold_ln=True, center_writing_weights=False, center_unembed=False, fold_value_biases=False)
    logits = model(torch.tensor([ids]))[0, -1]
    _, cache = model.run_with_cache(torch.tensor([ids]))
    layers, heads = model.cfg.n_layers, model.cfg.n_heads
    parts, labels = cache.decompose_resid(layer=layers, return_labels=True)
    by_layer = cache.logit_attrs(parts, token, against)[:, 0, -1]
    by_head = cache.logit_attrs(cache.stack_head_results(layer=layers), token, against)[:, 0, -1]
    score = cache.logit_attrs(parts, token)[:, 0, -1]
    return {
        "ids": ids, "token": token, "against": against, "labels": labels,
        "direct": rounded(logits[token] - logits[against]), "by_layer": rounded(by_layer), "one": rounded(score), "heads": rounded(by_head.view(layers, heads)),
    }


def head_scores(model, ids):
    """detect_head's patterns and its measure "mul": the share of all attention that goes where the pattern has a 1."""
    tokens = torch.tensor([ids])
    _, cache = model.run_with_cache(tokens, remove_batch_dim=True)
    names = {"previous": "previous_token", "duplicate": "duplicate_token", "induction": "induction"}
    out = {}
    for kind, name in names.items():
        pattern = getattr(head_detector, f"get_{name}_head_detection_pattern")(tokens)
        scores = [
            [
                head_detector.compute_head_attention_similarity_score(
                    cache["pattern", layer][head], pattern, exclude_bos=False, exclude_current_token=False, error_measure="mul"
                )
                for head in range(model.cfg.n_heads)
            ]
            for layer in range(model.cfg.n_layers)
        ]
        queries = int((pattern.sum(-1) > 0).sum())
        out[kind] = {"queries": queries, "scores": rounded(torch.tensor(scores))}
    return {"ids": ids, "kinds": out}


def patched(model, clean, corrupted, token, against, names):
    _, cache = model.run_with_cache(torch.tensor([clean]))
    tokens = torch.tensor([corrupted])
    metric = lambda logits: logits[0, -1, token] - logits[0, -1, against]
    position = dict(patch_setter=patching.layer_pos_patch_setter, index_axis_names=("layer", "pos"))
    head = dict(patch_setter=patching.layer_head_vector_patch_setter, index_axis_names=("layer", "head"))
    ways = {
        "block": ("resid_post", position), "attention": ("attn_out", position), "mlp": ("mlp_out", position), "head": ("z", head)
    }
    grids = {
        name: rounded(patching.generic_activation_patch(model, tokens, cache, metric, activation_name=ways[name][0], **ways[name][1]))
        for name in names
    }
    return {
        "clean": clean, "corrupted": corrupted, "token": token, "against": against, "grids": grids,
        "clean_difference": rounded(metric(model(torch.tensor([clean])))), "corrupted_difference": rounded(metric(model(tokens))),
    }


def bridge(model, name, tokenizer):
    return TransformerBridge.boot_transformers(name, hf_model=model, tokenizer=tokenizer, dtype=torch.float32, device="cpu")


def main():
    torch.set_num_threads(1)
    gguf = Path(sys.argv[1])
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    tiny_path = HERE / "tiny" / "llama"
    tiny_hf = AutoModelForCausalLM.from_pretrained(tiny_path, dtype=torch.float32, attn_implementation="eager").eval()
    tiny = bridge(tiny_hf, str(tiny_path), tokenizer)
    smol_hf = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    smol = bridge(smol_hf, "HuggingFaceTB/SmolLM2-135M-Instruct", tokenizer)
    prompt = json.loads((tiny_path / "golden.json").read_text())["prompt"]
    other = [5, 77, 18, 9, 201, 64, 33, 99, 8, 91, 12, 180]
    clean, corrupted = (tokenizer(text).input_ids for text in (CLEAN, CORRUPTED))
    paris, london, rome = (tokenizer(text).input_ids[0] for text in (" Paris", " London", " Rome"))
    with torch.no_grad():
        golden = {
            "tiny": {
                "patching": patched(tiny, prompt, other, 49, 192, ["block", "attention", "mlp", "head"]),
                "attribution": attribution(tiny, prompt, 49, 192),
            },
            "smollm2": {
                "head_scores": head_scores(smol, SEEDED * 2),
                "patching": patched(smol, clean, corrupted, paris, rome, ["block", "head"]),
                "attribution": attribution(smol, clean, paris, london),
            },
        }
    for name, parts in golden.items():
        print(name, sum(parts["attribution"]["by_layer"]), parts["attribution"]["direct"])
    lines = ",\n".join(
        f"  {json.dumps(name)}: {{\n" + ",\n".join(f"    {json.dumps(key)}: {json.dumps(value)}" for key, value in parts.items()) + "\n  }"
        for name, parts in golden.items()
    )
    (HERE / "transformer_lens.json").write_text("{\n" + lines + "\n}\n")


main()
