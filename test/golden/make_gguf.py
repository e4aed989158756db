"""Tiny Llama models as GGUF files, one a weight format, and what transformers computes in float32 with the numbers that
gguf-py reads back from each: tiny_gguf/<format>.gguf, .taps.safetensors and golden.json beside this file.

    python make_gguf.py
"""

import json
import shutil
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

from make_tiny import greedy, taps_of

HERE = Path(__file__).parent
FORMATS = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q8_0", "Q6_K"]
PROMPT = [5, 77, 61, 9, 20, 64, 33, 50, 8]
NAMES = {
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output", "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm", "self_attn.qkv_proj": "attn_qkv", "mlp.gate_up_proj": "ffn_up",
}


def gguf_name(name):
    name, _, ending = name.rpartition(".")  # weight or bias
    if name.startswith("model.layers."):
        _, _, layer, *rest = name.split(".")
        return f"blk.{layer}.{NAMES['.'.join(rest)]}.{ending}"
    return f"{NAMES[name]}.{ending}"


def paired(rows, heads):
    """llama.cpp's order of q's and k's rows: the two that rotate together become neighbours."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def unpaired(rows, heads):
    """Back to transformers' order."""
    return rows.reshape(heads, rows.shape[0] // heads // 2, 2, -1).swapaxes(1, 2).reshape(rows.shape)


def add_sizes(writer, config):
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)


def write_and_close(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write(path, architecture, config, tensors):
    """A file of these tensors: (name, data, format)."""
    writer = gguf.GGUFWriter(path, architecture)
    add_sizes(writer, config)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_vocab_size(config.vocab_size)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    for key, data, kind in tensors:
        writer.add_tensor(key, data, raw_dtype=kind)
    write_and_close(writer)


def save_taps(model, path):
    """What transformers computes on the way, some of it."""
    taps = taps_of(model, PROMPT)
    keep = ["model.embed_tokens", "model.layers.0.self_attn.qkv_proj", "model.layers.0.mlp.down_proj", "logits"]
    save_file({key: taps[key] for key in keep}, path)


def raw_blocks(rows, kind, generator):
    """The bytes of a matrix; of Q6_K, which gguf-py does not write, random blocks with small scales."""
    if kind != gguf.GGMLQuantizationType.Q6_K:
        return gguf.quants.quantize(rows, kind)
    blocks = rows.size // 256
    raw = generator.integers(0, 256, (blocks, 210), dtype=np.uint8)
    raw[:, 192:208] = generator.integers(-20, 21, (blocks, 16), dtype=np.int8).view(np.uint8)
    raw[:, 208:] = (generator.uniform(0.0004, 0.0008, (blocks, 1))).astype(np.float16).view(np.uint8)
    return raw.reshape(rows.shape[0], -1)


def main():
    folder = HERE / "tiny_gguf"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    golden = {"prompt": PROMPT}
    for number, name in enumerate(FORMATS):
        kind = gguf.GGMLQuantizationType[name]
        width = 256 if name == "Q6_K" else 64
        config = LlamaConfig(
            vocab_size=83, hidden_size=width, intermediate_size=256 if name == "Q6_K" else 96, num_hidden_layers=1 if name == "Q6_K" else 2,
            num_attention_heads=4, num_key_value_heads=2, head_dim=width // 4, max_position_embeddings=64, rms_norm_eps=1e-5,
            rope_theta=10000.0, pad_token_id=0, bos_token_id=1, eos_token_id=2, initializer_range=0.2, attn_implementation="eager",
        )
        for seed in range(100 * number, 100 * number + 100):
            torch.manual_seed(seed)
            generator = np.random.default_rng(seed)
            model = LlamaForCausalLM(config).eval()
            tensors = []
            with torch.no_grad():
                for key, parameter in model.named_parameters():
                    if "norm" in key:
                        parameter.copy_(1 + 0.2 * torch.randn_like(parameter))
                        tensors.append((gguf_name(key), parameter.numpy(), gguf.GGMLQuantizationType.F32))
                        continue
                    heads = {"q_proj": 4, "k_proj": 2}.get(key.split(".")[-2], 0)
                    rows = paired(parameter.numpy(), heads) if heads else parameter.numpy()
                    raw = raw_blocks(np.ascontiguousarray(rows), kind, generator)
                    tensors.append((gguf_name(key), raw, kind))
                    read = gguf.quants.dequantize(raw, kind).reshape(rows.shape)
                    parameter.copy_(torch.from_numpy(np.array(unpaired(read, heads) if heads else read)))
            tokens, gap = greedy(model, PROMPT, 20)
            if gap > 1e-2 and len(set(tokens)) > 6:
                break
        write(folder / f"{name}.gguf", "llama", config, tensors)
        save_taps(model, folder / f"{name}.taps.safetensors")
        golden[name] = {"tokens": tokens, "gap": gap}
        print(name, "seed", seed, "gap", round(gap, 4), (folder / f"{name}.gguf").stat().st_size, "bytes")
    (folder / "golden.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
