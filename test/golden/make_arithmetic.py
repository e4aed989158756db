"""What PyTorch computes with tensors of shapes that are stretched: arithmetic.json beside this file.

    python make_arithmetic.py
"""

import json
from pathlib import Path

import torch

from make_printing import describe

UNARY = ["neg", "abs", "exp", "log", "sqrt", "flatten", "clone"]
BINARY = ["add", "sub", "mul", "div", "pow", "eq", "gt", "lt"]


def main():
    torch.manual_seed(11)
    r, i = torch.randn, lambda *dims: torch.randint(-4, 5, dims)
    special = torch.tensor([0.0, -1.5, float("nan"), float("inf"), 2.0])
    pairs = [
        (r(3, 4), r(3, 4)), (r(3, 4), r(4)), (r(2, 3, 1), r(1, 4)), (r(5), r(1)), (r(2, 1, 3), r(4, 1)), (r(0, 3), r(3)),
        (i(3, 4), i(4)), (i(3), r(3)), (r(3, 2, dtype=torch.float64), r(2)), (special, special.flip(0)), (r(2, 2), torch.tensor(1.5)),
    ]
    pairs += [(r(2, 3), 2.5), (i(2, 3), 3), (i(2, 3), 0.5), (r(3), -1)]
    binary = []
    for a, b in pairs:
        whole = not torch.is_floating_point(a) and not (torch.is_tensor(b) and torch.is_floating_point(b)) and not isinstance(b, float)
        names = [name for name in BINARY if not (whole and name == "pow")]
        other = describe(b) if torch.is_tensor(b) else b
        binary.append({"a": describe(a), "b": other, "results": {name: describe(getattr(a, name)(b)) for name in names}})
    unary = [{"a": describe(a), "results": {name: describe(getattr(a, name)()) for name in UNARY}} for a in [r(2, 3), special, i(4), r(0)]]
    clamped = {"a": describe(special), "result": describe(special.clamp(-1, 1.75))}
    shapes = [((3, 4), (4, 2)), ((4,), (4, 2)), ((3, 4), (4,)), ((4,), (4,)), ((2, 3, 4), (4, 5)), ((2, 1, 3, 4), (5, 4, 2)), ((2, 3, 4), (4,))]
    matmul = [{"a": describe(a), "b": describe(b), "result": describe(a @ b)} for a, b in ((r(*x), r(*y)) for x, y in shapes)]
    t = r(2, 3, 4)
    norms = [{"dim": d, "p": p, "result": describe(t.norm(p) if d is None else t.norm(p, d))} for d, p in [(None, 2), (1, 2), (-1, 1), (0, 3)]]
    parts = [r(2, 1, 3), r(2, 4, 3), r(2, 2, 3)]
    joined = {"parts": [describe(p) for p in parts], "cat": describe(torch.cat(parts, -2)), "stack": describe(torch.stack([t, t * 2], 1)),
              "cos_sim": describe(torch.cosine_similarity(t, t.flip(2), -1))}
    golden = {"binary": binary, "unary": unary, "clamp": clamped, "matmul": matmul, "t": describe(t), "norms": norms, "joined": joined}
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in golden.items())
    (Path(__file__).parent / "arithmetic.json").write_text("{\n" + lines + "\n}\n")


main()
