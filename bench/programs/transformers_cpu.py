"""Hugging Face transformers on the CPU: FOLDER DTYPE. A work a line in, its rate out, as the other programs here.

    python transformers_cpu.py FOLDER float32|bfloat16

Needs torch and transformers.
"""

import json
import logging
import sys
import time
import warnings

import torch
from transformers import AutoModelForCausalLM

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

folder, dtype = sys.argv[1:]
model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype), attn_implementation="sdpa").eval()
model.generation_config.eos_token_id = None
model.generation_config.pad_token_id = 0


@torch.inference_mode()
def measured(prompt: int, decode: int) -> float:
    """Tokens a second: of the prompt, or where `decode` > 0 of the tokens after the first."""
    ids = torch.tensor([[500 + 7 * i for i in range(prompt)]])
    start = time.perf_counter()
    output = model(input_ids=ids, use_cache=True, logits_to_keep=1)
    token = output.logits[:, -1:].argmax(-1)
    first = time.perf_counter()
    if decode == 0:
        return prompt / (first - start)
    for _ in range(decode - 1):
        output = model(input_ids=token, past_key_values=output.past_key_values, use_cache=True)
        token = output.logits[:, -1:].argmax(-1)
    return (decode - 1) / (time.perf_counter() - first)


print(json.dumps({"threads": torch.get_num_threads()}), flush=True)
for line in sys.stdin:
    print(json.dumps({"rate": measured(**json.loads(line))}), flush=True)
