"""GGUF's other weight formats, most of them several in one file as they come: tiny Llama and Phi-3 models and what
transformers computes in float32 with the numbers that gguf-py reads back (gguf_formats/<name>.gguf, .taps.safetensors,
golden.json), and a few blocks of every format with the numbers that gguf-py makes of them (gguf_formats/blocks.json).

    python make_gguf_formats.py
"""

import base64
import json
import shutil
from pathlib import Path

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Kind
from transformers import LlamaConfig, LlamaForCausalLM, Phi3Config, Phi3ForCausalLM

from make_gguf import PROMPT, gguf_name, paired, save_taps, unpaired, write
from make_tiny import greedy

HERE = Path(__file__).parent
FOLDER = HERE / "gguf_formats"

# Of a file's tensors: by the end of the name which format each has; "" is the rest. Q4_K_M mixes as Microsoft's
# Phi-3-mini-4k-instruct-q4.gguf does.
FILES = {
    "Q5_0": ("llama", {"": "Q5_0"}),
    "Q5_1": ("llama", {"": "Q5_1"}),
    "IQ4_NL": ("llama", {"": "IQ4_NL"}),
    "F64": ("llama", {"attn_v": "F64", "ffn_norm": "F64", "output_norm": "F64", "": "Q8_0"}),
    "Q2_K": ("llama", {"attn_q": "Q3_K", "attn_v": "Q5_K", "ffn_down": "Q3_K", "ffn_gate": "IQ4_XS", "output": "IQ4_XS", "": "Q2_K"}),
    "Q4_K_M": ("phi3", {"attn_qkv": "Q5_K", "ffn_down": "Q6_K", "output": "Q6_K", "": "Q4_K"}),
}
# Where a block has its float16 scale and minimum, and sizes of them that make numbers of about 0.2.
SCALES = {
    "Q4_0": [(0, 0.043)], "Q4_1": [(0, 0.043), (2, -0.33)], "Q5_0": [(0, 0.022)], "Q5_1": [(0, 0.022), (2, -0.34)],
    "Q8_0": [(0, 0.0027)], "IQ4_NL": [(0, 0.0028)], "Q2_K": [(80, 0.011), (82, 0.017)], "Q3_K": [(108, 0.0047)],
    "Q4_K": [(0, 0.00048), (2, 0.0036)], "Q5_K": [(0, 0.00024), (2, 0.0036)], "Q6_K": [(208, 0.00015)],
    "IQ4_XS": [(0, 0.00015)],
}


def random_blocks(kind, count, generator, wild=False):
    """Any bytes are a valid block, but for its float16 scales: `wild` ones are any finite number."""
    raw = generator.integers(0, 256, (count, gguf.GGML_QUANT_SIZES[Kind[kind]][1]), dtype=np.uint8)
    for at, size in SCALES[kind]:
        scales = generator.uniform(0.8, 1.2, count) * size
        if wild:
            scales = generator.integers(0, 0x7c00, count, dtype=np.uint16).view(np.float16) * generator.choice([-1, 1], count)
        raw[:, at : at + 2] = scales.astype(np.float16).view(np.uint8).reshape(count, 2)
    return raw


def stored(rows, kind, generator):
    """A matrix as a file has it, and the numbers that gguf-py reads back."""
    if kind == "F64":  # gguf-py does not read it back: float32 is what it is rounded to
        raw = rows.astype(np.float64) * (1 + 1e-8 * generator.uniform(-1, 1, rows.shape))
        return raw, raw.astype(np.float32)
    if kind in ("F32", "Q8_0", "Q5_0", "Q5_1"):
        raw = gguf.quants.quantize(rows, Kind[kind])
    else:
        block = gguf.GGML_QUANT_SIZES[Kind[kind]][0]
        raw = random_blocks(kind, rows.size // block, generator).reshape(*rows.shape[:-1], -1)
    return raw, gguf.quants.dequantize(raw, Kind[kind]).reshape(rows.shape)


def make_model(architecture, width, seed):
    config = dict(
        vocab_size=83, hidden_size=width, intermediate_size=256 if width == 256 else 96, num_hidden_layers=1 if width == 256 else 2,
        num_attention_heads=8 if width == 256 else 4, num_key_value_heads=2, max_position_embeddings=64, rms_norm_eps=1e-5,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, initializer_range=0.2, attn_implementation="eager",
    )
    torch.manual_seed(seed)
    if architecture == "phi3":
        return Phi3ForCausalLM(Phi3Config(**config, original_max_position_embeddings=64, sliding_window=None)).eval()
    return LlamaForCausalLM(LlamaConfig(**config, head_dim=width // config["num_attention_heads"])).eval()


def fill(model, architecture, formats, generator):
    """Gives the model the numbers that a file holds; the file's tensors."""
    heads_of = {} if architecture == "phi3" else {
        "q_proj": model.config.num_attention_heads, "k_proj": model.config.num_key_value_heads}
    tensors = []
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            name = gguf_name(key)
            if "norm" in key:
                parameter.copy_(1 + 0.2 * torch.randn_like(parameter))
            of = formats.get(name.split(".")[-2]) or ("F32" if "norm" in key else formats[""])
            heads = heads_of.get(key.split(".")[-2], 0)
            rows = paired(parameter.numpy(), heads) if heads else parameter.numpy()
            raw, read = stored(np.ascontiguousarray(rows), of, generator)
            tensors.append((name, raw, Kind[of]))
            parameter.copy_(torch.from_numpy(np.array(unpaired(read, heads) if heads else read)))
    return tensors


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    golden = {"prompt": PROMPT}
    for number, (name, (architecture, formats)) in enumerate(FILES.items()):
        width = 256 if any(gguf.GGML_QUANT_SIZES[Kind[kind]][0] == 256 for kind in formats.values()) else 64
        for seed in range(1000 + 100 * number, 1100 + 100 * number):
            model = make_model(architecture, width, seed)
            tensors = fill(model, architecture, formats, np.random.default_rng(seed))
            tokens, gap = greedy(model, PROMPT, 20)
            if gap > 1e-2 and len(set(tokens)) > 6:
                break
        write(FOLDER / f"{name}.gguf", architecture, model.config, tensors)
        save_taps(model, FOLDER / f"{name}.taps.safetensors")
        golden[name] = {"tokens": tokens, "gap": gap, "formats": sorted(set(formats.values()))}
        print(name, "seed", seed, "gap", round(gap, 4), (FOLDER / f"{name}.gguf").stat().st_size, "bytes")
    (FOLDER / "golden.json").write_text(json.dumps(golden) + "\n")

    blocks = {}
    generator = np.random.default_rng(7)
    text = lambda array: base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    for kind in SCALES:
        per_row = 256 // gguf.GGML_QUANT_SIZES[Kind[kind]][0]
        raw = random_blocks(kind, 3 * per_row, generator, wild=True).reshape(3, -1)
        blocks[kind] = {"rows": text(raw), "numbers": text(gguf.quants.dequantize(raw, Kind[kind]).astype(np.float32))}
    numbers = generator.uniform(-1, 1, (3, 256)) * 10.0 ** generator.integers(-40, 38, (3, 256))
    blocks["F64"] = {"rows": text(numbers), "numbers": text(numbers.astype(np.float32))}
    (FOLDER / "blocks.json").write_text(json.dumps(blocks, indent=0) + "\n")


if __name__ == "__main__":
    main()
