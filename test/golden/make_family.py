"""Tiny random models of the whole family and what transformers computes with them in float32: every intermediate on both
sides of each switch of the text's length, greedy tokens, how the model prints; the same models as GGUF files; and the
rotary frequencies of real configurations.

    python make_family.py [NAME ...]   # writes family/ beside this file, of these names or of all

Weights are bfloat16 numbers, so that the files are small.
"""

import copy
import json
import shutil
import sys
from pathlib import Path

import gguf
import numpy as np
import torch
import transformers
from safetensors.torch import save_file
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from make_gguf import add_sizes, gguf_name, paired, write_and_close
from make_tiny import greedy, taps_of

HERE = Path(__file__).parent / "family"
PROMPT = [5, 61, 30, 9, 44, 17, 33, 50, 8, 21]
SHORT, TOKENS, ORIGINAL = 5, 20, 8
COMMON = dict(
    vocab_size=67, hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=48, rms_norm_eps=1e-5, rope_theta=10000.0, pad_token_id=0,
    bos_token_id=1, eos_token_id=[2, 3], initializer_range=0.25,
)
factors = lambda low, high, count: [round(low + (high - low) * i / count, 3) for i in range(count)]
longrope = lambda count, **more: dict(
    type="longrope", short_factor=factors(1, 1.6, count), long_factor=factors(1.3, 9, count), **more)
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=ORIGINAL * 4)
YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=12)

# name: transformers' class, what differs from COMMON
MODELS = {
    "phi3_128k": ("Phi3", dict(rope_scaling=longrope(4), original_max_position_embeddings=ORIGINAL, sliding_window=262144)),
    "phi3_window": ("Phi3", dict(rope_scaling=longrope(4), original_max_position_embeddings=ORIGINAL, sliding_window=6)),
    "phi4_mini": ("Phi3", dict(hidden_size=64, rope_scaling=longrope(6), partial_rotary_factor=0.75,
                               original_max_position_embeddings=ORIGINAL, tie_word_embeddings=True)),
    "llama3": ("Llama", dict(rope_scaling=LLAMA3, rope_theta=500000.0, tie_word_embeddings=True)),
    "linear": ("Llama", dict(rope_scaling=dict(type="linear", factor=4.0))),
    "dynamic": ("Llama", dict(rope_scaling=dict(type="dynamic", factor=2.0))),
    "mistral": ("Mistral", dict(sliding_window=6)),
    "nemo": ("Mistral", dict(sliding_window=None, head_dim=6)),
    "qwen2": ("Qwen2", dict(use_sliding_window=True, sliding_window=6, max_window_layers=1, tie_word_embeddings=True)),
    "qwen2_yarn": ("Qwen2", dict(rope_scaling=YARN)),
    "qwen3": ("Qwen3", dict(head_dim=12)),
    "smollm3": ("SmolLM3", dict(num_hidden_layers=4, rope_theta=2000000.0, tie_word_embeddings=True, no_rope_layers=[1, 0, 1, 0])),
}
# The architectures' names in GGUF files, and what a converter makes of each model that has one.
ARCHITECTURES = {"Phi3": "phi3", "Llama": "llama", "Mistral": "llama", "Qwen2": "qwen2", "Qwen3": "qwen3", "SmolLM3": "smollm3"}
AS_GGUF = ["phi3_128k", "phi4_mini", "llama3", "linear", "mistral", "nemo", "qwen2_yarn", "qwen3", "smollm3_4"]
GGUF_ONLY = {
    # A GGUF file of SmolLM3 does not say which layers do not rotate: every fourth.
    "smollm3_4": ("SmolLM3", dict(num_hidden_layers=4, rope_theta=2000000.0, tie_word_embeddings=True)),
}


def build(kind, settings, seed):
    torch.manual_seed(seed)
    config = getattr(transformers, f"{kind}Config")(**{**COMMON, **copy.deepcopy(settings)}, attn_implementation="eager")
    model = getattr(transformers, f"{kind}ForCausalLM")(config).eval()
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if "norm" in key:
                parameter.copy_(1 + 0.2 * torch.randn_like(parameter))
            if key.endswith(".bias"):
                parameter.copy_(0.5 * torch.randn_like(parameter))
            parameter.copy_(parameter.to(torch.bfloat16))
    return model


def batch_of(model):
    """Rows of different lengths, padded at their left: the longest decides which factors both take."""
    rows = torch.tensor([[0] * (ORIGINAL - 2) + PROMPT[:3], PROMPT[: ORIGINAL + 1]])
    mask = (rows != 0).long()
    short = torch.tensor([[0] * 3 + PROMPT[:3], PROMPT[:6]])
    both = []
    with torch.no_grad():
        for ids in (rows, short):
            seen = (ids != 0).long()
            out = model.generate(ids, attention_mask=seen, max_new_tokens=8, do_sample=False, eos_token_id=None, pad_token_id=0)
            both.append(dict(input_ids=ids.tolist(), attention_mask=seen.tolist(), tokens=out[:, ids.shape[1]:].tolist()))
        logits = model(rows, attention_mask=mask).logits[:, -1].tolist()
    return dict(generate=both, logits=logits)


def write_gguf(model, kind, file):
    """As llama.cpp's converter writes it."""
    config = model.config
    name = ARCHITECTURES[kind]
    writer = gguf.GGUFWriter(file, name)
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    rope = config.rope_parameters
    add_sizes(writer, config)
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_rope_dimension_count(int(head_dim * (rope.get("partial_rotary_factor") or 1)))
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    if kind in ("Phi3", "Mistral") and config.sliding_window:
        writer.add_sliding_window(config.sliding_window)
    kind_of_rope = rope["rope_type"]
    if kind_of_rope in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(kind_of_rope))
        writer.add_rope_scaling_factor(rope["factor"])
    if kind_of_rope in ("yarn", "longrope"):
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    if kind_of_rope == "longrope":
        writer.add_rope_scaling_attn_factors(model.model.rotary_emb.attention_scaling)
        for which in ("long", "short"):
            writer.add_tensor(f"rope_factors_{which}.weight", np.array(rope[f"{which}_factor"], dtype=np.float32))
    if kind_of_rope == "llama3":
        plain = 1 / rope["rope_theta"] ** (torch.arange(0, head_dim, 2).float() / head_dim)
        writer.add_tensor("rope_freqs.weight", (plain / model.model.rotary_emb.inv_freq).numpy())
    for key, parameter in model.named_parameters():
        data = parameter.detach().numpy()
        part = key.split(".")[-2]
        if name in ("llama", "smollm3") and part in ("q_proj", "k_proj"):
            data = paired(data, config.num_attention_heads if part == "q_proj" else config.num_key_value_heads)
        vector = data.ndim == 1
        as_type = gguf.GGMLQuantizationType.F32 if vector else gguf.GGMLQuantizationType.BF16
        writer.add_tensor(gguf_name(key), data if vector else gguf.quants.quantize(np.ascontiguousarray(data), as_type), raw_dtype=as_type)
    write_and_close(writer)


def make(name, kind, settings, number):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    for seed in range(1000 * number, 1000 * number + 1000):
        model = build(kind, settings, seed)
        tokens, gap = greedy(model, PROMPT[:SHORT], TOKENS)
        if gap > 1e-2 and len(set(tokens)) > 6:
            break
    with torch.no_grad():  # with its cache transformers gives the same
        ids = torch.tensor([PROMPT[:SHORT]])
        cached = model.generate(ids, max_new_tokens=TOKENS, do_sample=False, eos_token_id=None, pad_token_id=0)[0, SHORT:]
    assert cached.tolist() == tokens, (name, cached.tolist(), tokens)
    golden = {"prompt": PROMPT, "short": SHORT, "tokens": tokens, "gap": gap, "seed": seed, "tree": str(model)}
    if kind == "Phi3" and model.config.rope_parameters["rope_type"] == "longrope":
        golden["batch"] = batch_of(model)
    taps = {}
    for length in (SHORT, len(PROMPT)):
        for key, value in taps_of(model, PROMPT[:length]).items():
            if length > SHORT or "layers." not in key or f"layers.{model.config.num_hidden_layers - 1}." in key:
                taps[f"{length}/{key}"] = value
    folder.mkdir(parents=True)
    if name not in GGUF_ONLY:
        copy.deepcopy(model).to(torch.bfloat16).save_pretrained(folder)
    save_file(taps, folder / "taps.safetensors")
    (folder / "golden.json").write_text(json.dumps(golden) + "\n")
    if name in AS_GGUF:
        write_gguf(model, kind, folder / "model.gguf")
    print(name, "seed", seed, "gap", round(gap, 4), sum(p.stat().st_size for p in folder.iterdir()), "bytes")




def make_window():
    """A Phi-3-4k as converters wrote it: 32 layers, context 4,096, its window forgotten; logits behind 2,060 tokens."""
    folder = HERE / "phi3_4k"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    settings = dict(
        hidden_size=8, intermediate_size=8, num_hidden_layers=32, num_attention_heads=2, num_key_value_heads=1,
        vocab_size=31, max_position_embeddings=4096, sliding_window=2047, eos_token_id=2)
    model = build("Phi3", settings, 7)
    ids = [(7 * i * i + 3 * i) % 28 + 3 for i in range(2060)]
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0, -1]
        model.config.sliding_window = None
        without = model(torch.tensor([ids])).logits[0, -1]
    model.config.sliding_window = None  # what is not written
    write_gguf(model, "Phi3", folder / "model.gguf")
    difference = ((logits - without).abs().max() / logits.abs().max()).item()
    (folder / "golden.json").write_text(json.dumps({"logits": logits.tolist(), "difference": difference}) + "\n")
    print("phi3_4k: without the window", difference)


def make_frequencies():
    """Of real configurations: what each kind of stretching makes of the frequencies."""
    sizes = dict(hidden_size=3072, num_attention_heads=32, num_hidden_layers=1, vocab_size=9, intermediate_size=8)
    phi4 = sizes | dict(num_attention_heads=24)
    llama = sizes | dict(hidden_size=4096)
    kinds = {
        "Phi-3-mini-4k": ("Phi3", sizes | dict(max_position_embeddings=4096)),
        "Phi-3-mini-128k": ("Phi3", sizes | dict(max_position_embeddings=131072, rope_scaling=longrope(48), original_max_position_embeddings=4096)),
        "Phi-4-mini": ("Phi3", phi4 | dict(max_position_embeddings=131072, partial_rotary_factor=0.75, rope_scaling=longrope(48), original_max_position_embeddings=4096)),
        "Llama-3.1": ("Llama", llama | dict(max_position_embeddings=131072, rope_theta=500000.0, rope_scaling=LLAMA3 | dict(original_max_position_embeddings=8192))),
        "Llama-3.2": ("Llama", llama | dict(hidden_size=2048, max_position_embeddings=131072, rope_theta=500000.0, rope_scaling=LLAMA3 | dict(factor=32.0, original_max_position_embeddings=8192))),
        "linear": ("Llama", llama | dict(max_position_embeddings=16384, rope_scaling=dict(type="linear", factor=3.0))),
        "Qwen2.5 stretched": ("Qwen2", llama | dict(max_position_embeddings=131072, rope_theta=1000000.0, rope_scaling=dict(type="yarn", factor=4.0, original_max_position_embeddings=32768))),
        "yarn with all its settings": ("Llama", llama | dict(max_position_embeddings=65536, rope_scaling=dict(rope_type="yarn", factor=8.0, original_max_position_embeddings=8192, beta_fast=24.0, beta_slow=2.0, mscale=0.8, mscale_all_dim=1.2, truncate=False))),
    }
    found = {}
    for name, (kind, settings) in kinds.items():
        config = getattr(transformers, f"{kind}Config")(**copy.deepcopy(settings))
        rope_type = config.rope_parameters["rope_type"]
        rotary = getattr(sys.modules[f"transformers.models.{kind.lower()}.modeling_{kind.lower()}"], f"{kind}RotaryEmbedding")(config)
        entry = dict(config=config.to_diff_dict(), frequencies=rotary.inv_freq.tolist(), factor=rotary.attention_scaling)
        if rope_type == "longrope":
            entry["long"] = ROPE_INIT_FUNCTIONS[rope_type](config, None, seq_len=131072)[0].tolist()
        found[name] = entry
    (HERE / "frequencies.json").write_text(json.dumps(found) + "\n")


def main():
    wanted = sys.argv[1:]
    for number, (name, (kind, settings)) in enumerate({**MODELS, **GGUF_ONLY}.items()):
        if not wanted or name in wanted:
            make(name, kind, settings, number)
    if not wanted or "phi3_4k" in wanted:
        make_window()
    if not wanted or "frequencies" in wanted:
        make_frequencies()


if __name__ == "__main__":
    main()
