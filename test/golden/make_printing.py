"""Tensors and what PyTorch prints and computes for them: tensors.json beside this file.

    python make_printing.py
"""

import json
from pathlib import Path

import torch

NAN, INF = float("nan"), float("inf")
NAMES = {torch.float32: "float32", torch.float64: "float64", torch.int64: "int64", torch.int32: "int32", torch.bool: "bool"}


def plain(value):
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, float) and (value != value or value in (INF, -INF)):
        return str(value)
    return value


def describe(tensor):
    return {"dtype": NAMES[tensor.dtype], "dims": list(tensor.shape), "data": plain(tensor.flatten().tolist())}


def main():
    torch.manual_seed(3)
    r = torch.randn
    tensors = [
        torch.tensor(3), torch.tensor(3.5), torch.tensor(-0.0), torch.tensor(True), torch.tensor(1e10), torch.tensor(NAN),
        torch.tensor([]), torch.zeros(0, 3), torch.zeros(2, 0, dtype=torch.int64), torch.tensor([], dtype=torch.int64),
        torch.tensor([1, 2, 3]), torch.tensor([-1, 200, 3]), torch.tensor([1.0, 2.0]), torch.tensor([1.5, -2.0]),
        torch.tensor([True, False]), torch.tensor([[True], [False]]), torch.tensor([1, 2], dtype=torch.int32),
        torch.tensor([0.0, 0.0]), torch.tensor([NAN, 1.0]), torch.tensor([INF, -INF, 2.5]), torch.tensor([NAN, INF]),
        torch.tensor([1e-5, 1.0]), torch.tensor([1e5, 1.5]), torch.tensor([1e9, 1.0]), torch.tensor([123456.0, 1.0]),
        torch.tensor([1e-3, 999.0]), torch.tensor([0.0001, 0.05]), torch.tensor([0.03125, 0.09375]), torch.tensor([1e-10]),
        torch.tensor([100000000.0, 3.0]), torch.tensor([2.0, 3000.0, 7.0]), torch.tensor([12345678, 1]),
        torch.tensor([1.0, 2.0], dtype=torch.float64), torch.tensor([0.1, 0.2], dtype=torch.float64),
        r(3), r(20), r(2, 3), r(3, 4) * 100, r(4, 4) * 1e-4, r(2, 3, 4), r(2, 2, 2, 2), r(1, 5, 8), r(50), r(7, 30),
        torch.arange(100), torch.arange(1001), torch.arange(24).reshape(2, 3, 4), torch.arange(-50, 50).reshape(10, 10),
        r(40, 40), r(1, 5, 576), r(3, 700), r(1500), r(20, 20, 5), r(2, 3, 400), torch.randint(0, 60000, (1, 30)),
        torch.randint(0, 60000, (2, 9)), torch.rand(1100) > 0.5, torch.full((5,), 7.0), torch.eye(4), r(8, 2).exp() * 1e3,
        torch.cat([r(6) * 1e6, r(6) * 1e-6]), torch.tensor([[1.0, NAN], [INF, -3.25]]), r(1, 1), r(5, 1), r(1, 1, 1, 1),
    ]
    printed = [{**describe(t), "text": str(t)} for t in tensors]
    computed = []
    for dims in [(7,), (3, 5), (2, 3, 4), (1, 4, 6)]:
        t = r(*dims)
        case = {**describe(t), "along": []}
        case["all"] = {"argmax": t.argmax().item(), "sum": t.sum().item(), "mean": t.mean().item(),
                       "max": t.max().item(), "min": t.min().item()}
        for dim in range(-len(dims), len(dims)):
            top = t.topk(min(2, t.shape[dim]), dim)
            case["along"].append({
                "dim": dim, "argmax": t.argmax(dim).tolist(), "argmin": t.argmin(dim).tolist(), "sum": t.sum(dim).tolist(),
                "mean": t.mean(dim).tolist(), "max": t.amax(dim).tolist(), "min": t.amin(dim, keepdim=True).tolist(),
                "softmax": t.softmax(dim).tolist(), "log_softmax": t.log_softmax(dim).tolist(),
                "topk_values": top.values.tolist(), "topk_indices": top.indices.tolist(),
            })
        computed.append(case)
    t = torch.arange(24).reshape(2, 3, 4)
    views = {
        "select": t[1].tolist(), "negative": t[0, -1].tolist(), "range": t[:, 1:3].tolist(), "tail": t[..., -2:].tolist(),
        "permute": t.permute(2, 0, 1).tolist(), "transpose": t.transpose(0, 2).tolist(),
        "view": t.transpose(1, 2).reshape(6, -1).tolist(), "nan_argmax": torch.tensor([1.0, NAN, 3.0]).argmax().item(),
    }
    (Path(__file__).parent / "tensors.json").write_text(
        json.dumps({"printed": printed, "computed": computed, "views": views}) + "\n")


if __name__ == "__main__":
    main()
