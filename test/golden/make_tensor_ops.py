"""What PyTorch takes, orders and sums up of tensors: tensor_ops.json beside this file.

    python make_tensor_ops.py
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F

import make_printing

NAN, INF = float("nan"), float("inf")


def describe(tensor):
    """As make_printing has it; whole numbers that JSON's readers round are texts, others as short as they stay themselves."""
    described = make_printing.describe(tensor)
    short = {torch.float32: lambda x: float(f"{x:.9g}"), torch.int64: lambda x: str(x) if abs(x) > 2**53 else x}
    shorten = short.get(tensor.dtype, lambda x: x)
    described["data"] = [x if isinstance(x, str) else shorten(x) for x in described["data"]]
    return described


def case(name, t, result, *args, **options):
    """A method's name, the tensor, what it gets and what it gives; tensors among them described."""
    plain = lambda x: {"tensor": describe(x)} if torch.is_tensor(x) else x
    given = [plain(x) for x in args] + ([options] if options else [])
    outputs = {"values": describe(result[0]), "indices": describe(result[1])} if isinstance(result, tuple) else describe(result)
    return {"name": name, "t": describe(t), "args": given, "result": outputs}


def order(t, dim):
    down = lambda descending: tuple(torch.sort(t, dim=dim, descending=descending, stable=True))
    yield case("sort", t, down(False), dim)
    yield case("sort", t, down(True), dim, descending=True)
    yield case("argsort", t, down(False)[1], dim)
    yield case("argsort", t, down(True)[1], dim, descending=True)


def reductions(t, dim):
    if torch.is_floating_point(t):
        for correction in (1, 0):
            for keepdim in (False, True):
                options = {"correction": correction, "keepdim": keepdim}
                if dim is None and keepdim:
                    continue
                yield case("var", t, torch.var(t, dim, **options), dim, **options)
                yield case("std", t, torch.std(t, dim, **options), dim, **options)
        for p in (1, 2, 3, INF):
            if t.numel() > 0:
                yield case("norm", t, torch.linalg.vector_norm(t, p, dim), dim, "inf" if p == INF else p)
        if dim is not None:
            yield case("normalize", t, F.normalize(t, 2, dim), dim)
            yield case("normalize", t, F.normalize(t, 1, dim), dim, 1)
    if dim is not None:
        yield case("cumsum", t, t.cumsum(dim), dim)


def selection(r, i):
    t, whole = r(3, 4), i(3, 4)
    for dim in (0, 1, -1, -2):
        index = torch.randint(0, t.shape[dim], (2, 3))
        yield case("gather", t, t.gather(dim, index), dim, index)
        yield case("gather", whole, whole.gather(dim, index), dim, index)
    cube = r(2, 3, 4)
    index = torch.randint(0, 3, (1, 5, 2))
    yield case("gather", cube, cube.gather(1, index), 1, index)
    empty = torch.zeros(0, 4, dtype=torch.int64)
    yield case("gather", t, t.gather(0, empty), 0, empty)
    for dim in (0, -1):
        at = torch.tensor([2, 0, 2, 1])
        yield case("index_select", cube if dim else t, (cube if dim else t).index_select(dim, at), dim, at)
    yield case("index_select", t, t.index_select(0, torch.tensor([], dtype=torch.int64)), 0, torch.tensor([], dtype=torch.int64))
    yield case("index_select", whole, whole.index_select(1, torch.tensor([3])), 1, [3])
    ranks = t.argsort(1, descending=True)
    yield case("take_along_dim", t, torch.take_along_dim(t, ranks, 1), ranks, 1)
    one = torch.tensor([[0, 2, 1, 1]])
    yield case("take_along_dim", t, torch.take_along_dim(t, one, 0), one, 0)
    columns = torch.tensor([[[1], [0], [3]]])
    yield case("take_along_dim", cube, torch.take_along_dim(cube, columns, -1), columns, -1)
    yield case("take_along_dim", t, torch.take_along_dim(t, torch.tensor([11, 0, 5])), torch.tensor([11, 0, 5]))
    for u in (t, whole, cube, r(4, 3) > 0, r(0, 3)):
        for diagonal in (0, 1, -1, 7):
            yield case("tril", u, u.tril(diagonal), diagonal)
            yield case("triu", u, u.triu(diagonal), diagonal)
    special = torch.tensor([[NAN, 1.0, -INF], [0.0, -2.0, INF]])
    for u, mask in ((special, torch.isnan(special)), (whole, whole > 0), (cube, torch.tensor([True, False, False, True])), (r(2, 0), torch.zeros(1, 0, dtype=torch.bool))):
        yield case("masked_fill", u, u.masked_fill(mask, -3), mask, -3)
    yield case("masked_fill", special, special.masked_fill(special > 0, -INF), special > 0, "-inf")
    pairs = [(special, 0.5), (special, torch.tensor([[1.0], [2.0]])), (whole, 2), (whole, 0.5), (whole, r(4)), (r(3, 1), r(1, 4)), (r(3, 1), r(4, dtype=torch.float64)), (whole > 0, whole < 0), (whole > 0, 7)]
    pairs.append((torch.tensor([2**53 + 1, 5]), torch.tensor([-(2**53) - 1])))
    for u, other in pairs:
        shape = torch.broadcast_shapes(u.shape, other.shape if torch.is_tensor(other) else ())
        condition = torch.arange(torch.Size(shape).numel()).view(shape) % 2 == 0
        yield case("where", u, torch.where(condition, u, other), condition, other)
    column = torch.tensor([[True], [False], [True]])
    yield case("where", t, torch.where(column, t, torch.tensor(0.0)), column, torch.tensor(0.0))


def comparisons(r, i):
    special = torch.tensor([0.0, NAN, INF, 2.0])
    for u, other in ((i(3, 4), i(4)), (special, special.flip(0)), (r(2, 3), 0), (i(3), 1.5)):
        for name in ("ge", "le", "ne"):
            yield case(name, u, getattr(u, name)(other), other)


def made():
    yield {"name": "arange", "args": [5], "result": describe(torch.arange(5))}
    yield {"name": "arange", "args": [2, 9, 3], "result": describe(torch.arange(2, 9, 3))}
    yield {"name": "arange", "args": [1, -2, -0.75], "result": describe(torch.arange(1, -2, -0.75))}
    yield {"name": "arange", "args": [0], "result": describe(torch.arange(0))}
    yield {"name": "eye", "args": [3], "result": describe(torch.eye(3))}
    yield {"name": "eye", "args": [2, 4], "result": describe(torch.eye(2, 4))}


def main():
    torch.manual_seed(5)
    r, i = torch.randn, lambda *dims: torch.randint(-4, 5, dims)
    special = torch.tensor([[NAN, 1.0, -INF, 1.0], [0.0, -0.0, INF, NAN]])
    cases = []
    for t in (r(5), r(3, 4), r(2, 3, 4), i(3, 4), r(2, 3, dtype=torch.float64), special, r(2, 0), r(1), torch.tensor([2**53 + 1, 2**53, -7])):
        for dim in [*range(t.dim()), -1, None]:
            cases += reductions(t, dim)
            if dim is not None:
                cases += order(t, dim)
    cases += selection(r, i)
    cases += comparisons(r, i)
    flags = torch.tensor([True, False, True])
    cases += [case("cumsum", flags, flags.cumsum(0), 0), *order(flags, 0)]
    lines = ",\n".join(f"    {json.dumps(one)}" for one in cases)
    functions = ",\n".join(f"    {json.dumps(one)}" for one in made())
    text = '{\n  "methods": [\n' + lines + '\n  ],\n  "functions": [\n' + functions + "\n  ]\n}\n"
    (Path(__file__).parent / "tensor_ops.json").write_text(text)


main()
