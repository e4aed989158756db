"""LoRA adapters that PEFT saves, with random factors, and what transformers computes with each merged by PEFT.

    python make_adapter.py   # writes adapter/ beside this file

Each is made on one form of a tiny model of tiny/ (stacked, a Phi-3's, or apart, a Llama's) or of tiny_gguf/; the test
merges it into both forms. Of a quantised base the matrices that the adapter changes are rounded to float16.
"""

import json
import shutil

import torch
from make_tiny import HERE, PROMPT, greedy, taps_of
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, Phi3Config, Phi3ForCausalLM

APART = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
KEPT = ["model.layers.0.self_attn.qkv_proj", "model.layers.0.mlp.down_proj", "logits"]
CASES = {
    # name: base, whether it is made on the stacked form, settings
    "stacked": ("grouped", True, dict(r=4, lora_alpha=8, target_modules=["qkv_proj", "o_proj", "gate_up_proj", "down_proj", "lm_head"])),
    "apart": ("llama", False, dict(r=4, lora_alpha=6, use_rslora=True, fan_in_fan_out=True, target_modules=APART,
                                   rank_pattern={"q_proj": 2, r"model\.layers\.1\.mlp\..*": 3},
                                   alpha_pattern={"layers.0.self_attn.v_proj": 16})),
    "some": ("grouped", False, dict(r=3, lora_alpha=9, target_modules=["q_proj", "v_proj", "up_proj"], layers_to_transform=[0, 2])),
    "whole": ("llama", True, dict(r=2, lora_alpha=4, target_modules=["qkv_proj", "gate_up_proj"])),
    "quantised": ("Q8_0", False, dict(r=4, lora_alpha=8, target_modules=["q_proj", "k_proj", "down_proj"])),
}


def form(model, stacked):
    """The same model with its projections stacked, or apart."""
    c = model.config
    keys = ("vocab_size hidden_size intermediate_size num_hidden_layers num_attention_heads num_key_value_heads "
            "max_position_embeddings rms_norm_eps pad_token_id bos_token_id eos_token_id").split()
    head = getattr(c, "head_dim", None) or c.hidden_size // c.num_attention_heads
    values = {key: getattr(c, key) for key in keys}
    values.update(rope_theta=c.rope_parameters["rope_theta"], attn_implementation="eager", head_dim=head)
    sizes = {"qkv_proj": [c.num_attention_heads * head] + 2 * [c.num_key_value_heads * head], "gate_up_proj": 2 * [c.intermediate_size]}
    parts = {"qkv_proj": ["q_proj", "k_proj", "v_proj"], "gate_up_proj": ["gate_proj", "up_proj"]}
    state = dict(model.state_dict())
    for key in list(state):
        for whole, some in parts.items():
            if stacked and f".{some[0]}." in key:
                names = [key.replace(some[0], one) for one in some]
                state[key.replace(some[0], whole)] = torch.cat([state.pop(name) for name in names])
            elif not stacked and f".{whole}." in key:
                for one, rows in zip(some, state.pop(key).split(sizes[whole])):
                    state[key.replace(whole, one)] = rows
    made = Phi3ForCausalLM(Phi3Config(**values, sliding_window=None)) if stacked else LlamaForCausalLM(LlamaConfig(**values))
    made.load_state_dict(state)
    return made.eval()


def load(base):
    if base == "Q8_0":
        return AutoModelForCausalLM.from_pretrained(HERE / "tiny_gguf", gguf_file="Q8_0.gguf", dtype=torch.float32)
    return AutoModelForCausalLM.from_pretrained(HERE / "tiny" / base, attn_implementation="eager").float()


def main():
    shutil.rmtree(HERE / "adapter", ignore_errors=True)
    golden = {}
    for number, (name, (base, stacked, settings)) in enumerate(CASES.items()):
        folder = HERE / "adapter" / name
        torch.manual_seed(number)
        model = form(load(base), stacked)
        before = {key: value.clone() for key, value in model.state_dict().items()}
        peft = get_peft_model(model, LoraConfig(**settings, task_type="CAUSAL_LM"))
        with torch.no_grad():
            for key, parameter in peft.named_parameters():
                if "lora_" in key:
                    parameter.copy_(0.1 * torch.randn_like(parameter))
        peft.save_pretrained(folder)
        (folder / "README.md").unlink(missing_ok=True)
        if name == "apart":  # bfloat16 factors, as people have them
            file = folder / "adapter_model.safetensors"
            halved = {key: value.to(torch.bfloat16) for key, value in load_file(file).items()}
            save_file(halved, file, metadata={"format": "pt"})
            with torch.no_grad():
                for key, parameter in peft.named_parameters():
                    if "lora_" in key:
                        parameter.copy_(parameter.to(torch.bfloat16))
        merged = peft.merge_and_unload()
        if base == "Q8_0":
            with torch.no_grad():
                for key, parameter in merged.named_parameters():
                    if not torch.equal(before[key], parameter):
                        parameter.copy_(parameter.half())
        config = json.loads((folder / "adapter_config.json").read_text())
        config["base_model_name_or_path"] = base
        (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")
        prompt = [id for id in PROMPT if id < model.config.vocab_size]
        taps = taps_of(merged, prompt)
        save_file({key: taps[key] for key in KEPT}, folder / "taps.safetensors")
        tokens, gap = greedy(merged, prompt, 12)
        golden[name] = {"base": base, "prompt": prompt, "tokens": tokens, "gap": gap}
        print(name, "gap", round(gap, 4), sorted(p.name for p in folder.iterdir()))
    (HERE / "adapter" / "golden.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
