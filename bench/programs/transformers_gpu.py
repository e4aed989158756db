"""Hugging Face transformers on the GPU: the works of `npm run bench -- cuda` on the same weights, in milliseconds, as JSON.

    python transformers_gpu.py FOLDER ROUNDS

Needs torch with CUDA and transformers. "compiled" is the static cache, whose step generate() compiles by itself.
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

folder, rounds = sys.argv[1], int(sys.argv[2])
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16, attn_implementation="sdpa").cuda().eval()
model.generation_config.eos_token_id = None
model.generation_config.pad_token_id = 0


def prompt(tokens: int) -> torch.Tensor:
    return torch.tensor([[(500 + 7 * i) % model.config.vocab_size for i in range(tokens)]], device="cuda")


@torch.inference_mode()
def generate(tokens: int, fresh: int, **options) -> float:
    ids = prompt(tokens)
    torch.cuda.synchronize()
    start = time.perf_counter()
    model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=fresh,
        min_new_tokens=fresh,
        do_sample=False,
        **options,
    )
    torch.cuda.synchronize()
    return 1000 * (time.perf_counter() - start)


def measured(tokens: int, fresh: int, **options) -> list[float]:
    generate(tokens, fresh, **options)
    return [generate(tokens, fresh, **options) for _ in range(rounds)]


def per_token(tokens: int, **options) -> float:
    """The median of a longer generation, less that of its first token."""
    middle = lambda times: sorted(times)[len(times) // 2]  # noqa: E731
    return (middle(measured(tokens, 41, **options)) - middle(measured(tokens, 1, **options))) / 40


times = {f"prefill {n}": measured(n, 1) for n in (25, 512, 2048, 4000)}
times["generate 24 + 100"] = measured(24, 100)
times["the same uncached"] = measured(24, 100, use_cache=False)
times["decode short"] = [per_token(55)]
times["decode 2000"] = [per_token(1980)]
try:
    static = {"cache_implementation": "static"}
    times["compiled: generate 24 + 100"] = measured(24, 100, **static)
    times["compiled: decode short"] = [per_token(24, **static)]
except Exception as error:  # compiling asks for more of a machine than running does
    print(f"compiled: {type(error).__name__}: {error}", file=sys.stderr)
print(json.dumps(times))
