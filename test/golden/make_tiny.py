"""Tiny random models and what transformers computes with them in float32: every intermediate, logits, greedy tokens.

    python make_tiny.py [NAME ...]   # writes tiny/<name>/ beside this file, of these names or of all

The intermediates are named as `ForwardOptions.taps` in src/native/passes.ts names them.
"""

import copy
import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM, Phi3Config, Phi3ForCausalLM

HERE = Path(__file__).parent
COMMON = dict(
    vocab_size=211, hidden_size=48, intermediate_size=88, num_hidden_layers=3, num_attention_heads=4,
    max_position_embeddings=128, rms_norm_eps=1e-5, rope_theta=10000.0, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    attention_dropout=0.0, initializer_range=0.25,
)
MODELS = {
    "multi_head": dict(num_key_value_heads=4),
    "grouped": dict(num_key_value_heads=2, hidden_size=64, head_dim=16),
    "window": dict(num_key_value_heads=2, sliding_window=5),
    "tied": dict(num_key_value_heads=1, tie_word_embeddings=True),
    "bf16": dict(num_key_value_heads=2),
    "f16": dict(num_key_value_heads=2),
    "sharded": dict(num_key_value_heads=4),
    "llama": dict(num_key_value_heads=2),
    "eps": dict(num_key_value_heads=2, rms_norm_eps=1e-2),
}
SAVED = {"bf16": torch.bfloat16, "f16": torch.float16}
PROMPT = [5, 77, 130, 9, 201, 64, 33, 150, 8, 91, 12, 180]


def build(name, settings, seed):
    torch.manual_seed(seed)
    values = {**COMMON, **settings}
    if name == "llama":
        values.pop("attention_dropout")
        model = LlamaForCausalLM(LlamaConfig(**values, attn_implementation="eager"))
    else:
        values.setdefault("sliding_window", None)
        model = Phi3ForCausalLM(Phi3Config(**values, attn_implementation="eager"))
    model = model.eval()
    with torch.no_grad():  # norms that are not all ones, or their weights would go untested
        for key, parameter in model.named_parameters():
            if "norm" in key:
                parameter.copy_(1 + 0.2 * torch.randn_like(parameter))
    return model


def taps_of(model, ids):
    """Runs the model once and keeps every named intermediate."""
    taps = {}
    hooks = []
    kept = {}

    def keep(key, value):
        taps[key] = value.detach().float().squeeze(0).contiguous().clone()

    def after(key):
        return lambda _m, _i, out: keep(key, out[0] if isinstance(out, tuple) else out)

    hooks.append(model.model.embed_tokens.register_forward_hook(after("model.embed_tokens")))
    hooks.append(model.model.norm.register_forward_hook(after("model.norm")))
    for i, layer in enumerate(model.model.layers):
        base = f"model.layers.{i}"
        hooks.append(layer.register_forward_hook(after(base)))
        hooks.append(layer.input_layernorm.register_forward_hook(after(f"{base}.input_layernorm")))
        hooks.append(layer.post_attention_layernorm.register_forward_hook(after(f"{base}.post_attention_layernorm")))
        hooks.append(layer.self_attn.o_proj.register_forward_hook(after(f"{base}.self_attn.o_proj")))
        hooks.append(layer.mlp.down_proj.register_forward_hook(after(f"{base}.mlp.down_proj")))
        hooks.append(layer.self_attn.o_proj.register_forward_pre_hook(
            lambda _m, args, key=f"{base}.self_attn.context": keep(key, args[0])))
        hooks.append(layer.mlp.down_proj.register_forward_pre_hook(
            lambda _m, args, key=f"{base}.mlp.activation_fn": keep(key, args[0])))
        parts = ("qkv_proj",) if hasattr(layer.self_attn, "qkv_proj") else ("q_proj", "k_proj", "v_proj")
        for part in parts:
            hooks.append(getattr(layer.self_attn, part).register_forward_hook(
                lambda _m, _i, out, key=(i, part): kept.__setitem__(key, out.detach())))
        parts = ("gate_up_proj",) if hasattr(layer.mlp, "gate_up_proj") else ("gate_proj", "up_proj")
        for part in parts:
            hooks.append(getattr(layer.mlp, part).register_forward_hook(
                lambda _m, _i, out, key=(i, part): kept.__setitem__(key, out.detach())))

    module = sys.modules[type(model).__module__]
    eager = module.eager_attention_forward
    seen = []

    def attention(self, query, key, value, *args, **kwargs):
        out, weights = eager(self, query, key, value, *args, **kwargs)
        seen.append((query.detach(), key.detach(), value.detach(), weights.detach()))
        return out, weights

    module.eager_attention_forward = attention
    try:
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits
    finally:
        module.eager_attention_forward = eager
        for hook in hooks:
            hook.remove()
    flat = lambda x: x.squeeze(0).transpose(0, 1).flatten(1)  # (1, heads, T, dim) -> (T, heads * dim)
    for i, (query, key, value, weights) in enumerate(seen):
        base = f"model.layers.{i}"
        taps[f"{base}.self_attn.rotary"] = torch.cat([flat(query), flat(key), flat(value)], -1).contiguous().clone()
        keep(f"{base}.self_attn.attn_weights", weights)
        qkv = [kept[(i, part)] for part in ("qkv_proj", "q_proj", "k_proj", "v_proj") if (i, part) in kept]
        keep(f"{base}.self_attn.qkv_proj", torch.cat(qkv, -1))
        gate_up = [kept[(i, part)] for part in ("gate_up_proj", "gate_proj", "up_proj") if (i, part) in kept]
        keep(f"{base}.mlp.gate_up_proj", torch.cat(gate_up, -1))
    taps["logits"] = logits.squeeze(0).contiguous().clone()
    return taps


def greedy(model, prompt, count):
    """Tokens without a cache, and the least distance of the best two scores on the way."""
    ids, gap = list(prompt), float("inf")
    with torch.no_grad():
        for _ in range(count):
            best = model(torch.tensor([ids]), use_cache=False).logits[0, -1].topk(2)
            gap = min(gap, (best.values[0] - best.values[1]).item())
            ids.append(best.indices[0].item())
    return ids[len(prompt):], gap


def main():
    wanted = sys.argv[1:] or list(MODELS)
    for number, (name, settings) in enumerate(MODELS.items()):
        if name not in wanted:
            continue
        folder = HERE / "tiny" / name
        shutil.rmtree(folder, ignore_errors=True)
        for seed in range(1000 * number, 1000 * number + 1000):
            full = build(name, settings, seed)
            with torch.no_grad():  # the weights alone: the rotary frequencies stay float32
                for parameter in full.parameters():
                    parameter.copy_(parameter.to(SAVED.get(name, torch.float32)))
            tokens, gap = greedy(full, PROMPT, 30)
            if gap > 1e-2 and len(set(tokens)) > 8:
                break
        saved = copy.deepcopy(full).to(SAVED.get(name, torch.float32))
        saved.save_pretrained(folder, **({"max_shard_size": "60KB"} if name == "sharded" else {}))
        save_file(taps_of(full, PROMPT), folder / "taps.safetensors")
        golden = {"prompt": PROMPT, "tokens": tokens, "gap": gap, "seed": seed}
        (folder / "golden.json").write_text(json.dumps(golden) + "\n")
        print(name, "seed", seed, "gap", round(gap, 4), sorted(p.name for p in folder.iterdir()))


if __name__ == "__main__":
    main()
