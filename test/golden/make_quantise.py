"""What gguf-py makes of float32 numbers in Q8_0 and in Q4_0.

    python make_quantise.py   # writes quantise/numbers.safetensors beside this file

numbers.safetensors: `numbers` (rows, 64) in F32, each row with its scale, ties, zeros and edges among them; `q8_0` and
`q4_0`, what gguf-py's quantize and dequantize make of them.
"""

import numpy as np
from gguf import GGMLQuantizationType, quants
from make_tiny import HERE
from safetensors.numpy import save_file


def main():
    rng = np.random.default_rng(20)
    rows = [rng.normal(0, 10.0 ** rng.uniform(-6, 3), 64) for _ in range(100)]
    rows += [rng.uniform(-1, 1, 64), rng.standard_cauchy(64), np.abs(rng.normal(0, 1, 64)), -np.abs(rng.normal(0, 1, 64))]
    rows += [np.zeros(64), np.full(64, 0.25), np.where(np.arange(64) == 7, 3.5, 0)]
    ties = np.arange(64) - 31.5  # x / d falls on halves: away from zero, both signs
    rows += [np.concatenate([[127.0], ties[1:32], [-127.0], ties[33:]])]
    # Scales that float16 rounds, has as subnormal numbers, or as zero, and large ones.
    rows += [rng.normal(0, 1, 64) * s for s in (1e-5, 1e-7, 1e-9, 1e-20, 1e5)]
    numbers = np.stack(rows).astype(np.float32)
    found = {"numbers": numbers}
    for name in ("q8_0", "q4_0"):
        kind = GGMLQuantizationType[name.upper()]
        found[name] = quants.dequantize(quants.quantize(numbers, kind), kind).astype(np.float32)
    (HERE / "quantise").mkdir(exist_ok=True)
    save_file(found, HERE / "quantise" / "numbers.safetensors")


if __name__ == "__main__":
    main()
