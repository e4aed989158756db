"""Tiny models saved in 8-bit floats with scales and in float64, and what transformers computes with the numbers that
these mean.

    python make_storage.py   # writes tiny/fp8_block, fp8_channel, fp8_tensor and f64 beside this file

Scales and bytes are dequantised by the libraries that such files are for (compressed-tensors; transformers' fp8), in
float32, and then rounded to what phi3lab keeps: float16 for 8-bit floats, float32 for float64. fp8_block is ragged: its
sides are no multiples of 128, where transformers refuses; the script proves the same formula on sides that are.
"""

import json
import shutil

import torch
from compressed_tensors.quantization import QuantizationArgs
from compressed_tensors.quantization.lifecycle.forward import dequantize
from make_tiny import HERE, PROMPT, build, greedy, taps_of
from safetensors.torch import save_file
from transformers.integrations.finegrained_fp8 import Fp8Dequantize

F8 = torch.float8_e4m3fn
BLOCK = dict(num_key_value_heads=2, hidden_size=144, intermediate_size=160, num_hidden_layers=1)
FP8 = {
    "fp8_block": {"quant_method": "fp8", "weight_block_size": [128, 128], "activation_scheme": "dynamic"},
    "fp8_channel": {"quant_method": "compressed-tensors", "format": "float-quantized", "quantization_status": "compressed",
                    "ignore": ["lm_head"], "config_groups": {"group_0": {"targets": ["Linear"], "format": "float-quantized",
                    "weights": {"num_bits": 8, "type": "float", "strategy": "channel", "symmetric": True}}}},
    "fp8_tensor": {"quant_method": "compressed-tensors", "format": "float-quantized", "quantization_status": "compressed",
                   "ignore": ["lm_head"], "config_groups": {"group_0": {"targets": ["Linear"],
                   "weights": {"num_bits": 8, "type": "float", "strategy": "tensor", "symmetric": True}}}},
}


def blocks(x, reduce):
    """One number a block of 128 by 128."""
    return torch.stack([torch.stack([reduce(cell) for cell in rows.split(128, 1)]) for rows in x.split(128, 0)])


def spread(scales, shape):
    return scales.repeat_interleave(128, 0)[: shape[0]].repeat_interleave(128, 1)[:, : shape[1]]


def quantise(name, x):
    """The bytes, the scales' name and the scales, and what the two mean in float32."""
    if name == "fp8_block":
        scale = blocks(x, lambda cell: cell.abs().max() / 448)
        q = (x / spread(scale, x.shape)).to(F8)
        return q, "weight_scale_inv", scale, q.float() * spread(scale, x.shape)
    args = QuantizationArgs(num_bits=8, type="float", strategy="channel" if name == "fp8_channel" else "tensor")
    most = x.abs().amax(1, keepdim=True) if name == "fp8_channel" else x.abs().max().reshape(1)
    scale = (most / 448).to(torch.bfloat16)
    q = (x / scale.float()).clamp(-448, 448).to(F8)
    return q, "weight_scale", scale, dequantize(q.float(), scale.float(), args=args, dtype=torch.float32)


def prove_blocks():
    torch.manual_seed(7)
    q, _, scale, meant = quantise("fp8_block", torch.randn(256, 384))
    theirs = Fp8Dequantize(None)._dequantize_one(q, scale, torch.float32)
    assert torch.equal(theirs, meant)


def main():
    prove_blocks()
    for number, name in enumerate([*FP8, "f64"]):
        folder = HERE / "tiny" / name
        shutil.rmtree(folder, ignore_errors=True)
        kind = {"fp8_block": BLOCK, "fp8_tensor": dict(num_key_value_heads=2, num_hidden_layers=2)}
        settings = kind.get(name, dict(num_key_value_heads=2, num_hidden_layers=2))
        for seed in range(50_000 + 1000 * number, 51_000 + 1000 * number):
            model = build("llama" if name in ("fp8_channel", "f64") else name, settings, seed)
            saved = {}
            with torch.no_grad():
                for key, parameter in model.named_parameters():
                    if name == "f64":
                        wide = parameter.double() * (1 + 1e-9 * torch.randn(parameter.shape, dtype=torch.float64))
                        saved[key] = wide
                        parameter.copy_(wide.float())
                    elif key.endswith("_proj.weight"):
                        q, beside, scale, meant = quantise(name, parameter.detach())
                        saved[key] = q
                        saved[key.replace("weight", beside)] = scale.contiguous()
                        parameter.copy_(meant.half().float())
                    else:
                        saved[key] = parameter.to(torch.bfloat16)
                        parameter.copy_(saved[key].float())
            tokens, gap = greedy(model, PROMPT, 30)
            if gap > 1e-2 and len(set(tokens)) > 8:
                break
        model.save_pretrained(folder)
        # What old checkpoints and static quantisation also hold, and nobody needs here.
        saved["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.arange(6)
        saved["model.layers.0.self_attn.bias"] = torch.ones(1, 1, 3, 3, dtype=torch.bool)
        saved["model.layers.0.self_attn.masked_bias"] = torch.tensor(-1e9)
        saved["model.embeddings.position_ids"] = torch.arange(8).reshape(1, 8)
        if name in FP8:
            saved["model.layers.0.mlp.down_proj.input_scale"] = torch.tensor([1.0])
            config = json.loads((folder / "config.json").read_text())
            config["quantization_config"] = FP8[name]
            (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        save_file({key: value.contiguous() for key, value in saved.items()}, folder / "model.safetensors",
                  metadata={"format": "pt"})
        save_file(taps_of(model, PROMPT), folder / "taps.safetensors")
        (folder / "golden.json").write_text(json.dumps({"prompt": PROMPT, "tokens": tokens, "gap": gap, "seed": seed}) + "\n")
        print(name, "seed", seed, "gap", round(gap, 4))


if __name__ == "__main__":
    main()
