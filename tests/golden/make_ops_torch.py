"""Writes ops_torch.json: outputs and gradients of tensor operations by PyTorch in float64, in channels-last layouts.

Run with Debian's python3-torch (1.13): /usr/bin/python3 tests/golden/make_ops_torch.py
Inputs are multiples of 1/64, so that their text is exact. The gradients are those of sum(output * cotangent).
"""

import json
import os

import torch
import torch.nn.functional as F

torch.manual_seed(0)
DOUBLE = torch.float64


def draw(*shape):
    return torch.randint(-96, 97, shape, dtype=DOUBLE) / 64


def dump(x):
    return {"shape": list(x.shape), "values": [float(f"{v:.12g}") for v in x.detach().reshape(-1).tolist()]}


def case(name, op, options, inputs, f):
    primals = [x.clone().requires_grad_(x.dtype == DOUBLE) for x in inputs]
    output = f(*primals)
    record = {"name": name, "op": op, "options": options, "inputs": [dump(x) for x in primals], "output": dump(output)}
    if output.dtype == DOUBLE:
        cotangent = draw(*output.shape)
        grads = torch.autograd.grad(output, primals, cotangent)
        record.update(cotangent=dump(cotangent), gradients=[dump(g) for g in grads])
    return record


def nchw(x):
    return x.permute(0, 3, 1, 2)


def nhwc(x):
    return x.permute(0, 2, 3, 1)


def padded(x, padding, value=0.0):
    (top, bottom), (left, right) = padding
    return F.pad(nchw(x), (left, right, top, bottom), value=value)


def conv(name, x, w, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1):
    options = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)

    def f(x, w):
        return nhwc(F.conv2d(padded(x, padding), w.permute(3, 2, 0, 1), None, stride, 0, dilation, groups))

    return case(f"conv2d {name}", "conv2d", options, [draw(*x), draw(*w)], f)


def conv_transpose(name, x, w, stride, padding, groups=1):
    options = dict(stride=stride, padding=padding, groups=groups)

    def f(x, w):
        return nhwc(F.conv_transpose2d(nchw(x), w.permute(3, 2, 0, 1), None, stride, padding, 0, groups))

    return case(f"convTranspose2d {name}", "convTranspose2d", options, [draw(*x), draw(*w)], f)


def pool(kind, name, x, kernel, stride, padding):
    options = dict(kernel=kernel, stride=stride, padding=padding)
    f = {
        "max": lambda x: nhwc(F.max_pool2d(nchw(x), kernel, stride, padding)),
        "avg": lambda x: nhwc(F.avg_pool2d(nchw(x), kernel, stride, padding)),
    }[kind]
    # Few distinct values, so that windows hold ties.
    image = torch.round(draw(*x) * 2) / 2
    return case(f"{kind}Pool2d {name}", f"{kind}Pool2d", options, [image], f)


SAME = ((1, 1), (1, 1))
CASES = [
    conv("3x3", (2, 4, 5, 3), (3, 3, 3, 4), padding=SAME),
    conv("stride 2", (1, 6, 5, 2), (3, 3, 2, 3), stride=(2, 2), padding=SAME),
    conv("asymmetric and dilated", (1, 6, 7, 2), (2, 3, 2, 3), (2, 1), ((1, 0), (2, 3)), (1, 2)),
    conv("2 groups", (1, 4, 4, 4), (3, 3, 2, 6), padding=SAME, groups=2),
    conv("depthwise dilated", (1, 7, 6, 3), (3, 3, 1, 3), padding=((2, 2), (2, 2)), dilation=(2, 2), groups=3),
    conv_transpose("4x4 stride 2", (2, 3, 2, 3), (4, 4, 2, 3), 2, 1),
    conv_transpose("3x3 stride 2 in groups", (1, 3, 4, 4), (3, 3, 3, 4), 2, 0, groups=2),
    pool("max", "2x2", (1, 4, 6, 2), 2, 2, 0),
    pool("max", "3x3 stride 2", (2, 5, 6, 2), 3, 2, 1),
    pool("avg", "2x2", (1, 4, 6, 2), 2, 2, 0),
    pool("avg", "3x3 stride 2", (2, 5, 6, 2), 3, 2, 1),
    case("gelu", "gelu", {}, [draw(40) * 3], F.gelu),
    case("erf", "erf", {}, [draw(40) * 2], torch.erf),
    case("sigmoid", "sigmoid", {}, [draw(20) * 4], torch.sigmoid),
    case("variance", "variance", {"axis": [1], "correction": 1}, [draw(4, 9)], lambda x: x.var(1, unbiased=True)),
    case("max", "max", {"axis": 1}, [draw(5, 6)], lambda x: x.amax(1)),
    case("matmul", "matmul", {}, [draw(2, 3, 4), draw(2, 4, 5)], torch.matmul),
    case("argsort", "argsort", {}, [torch.round(draw(3, 17) * 4) / 4], lambda x: torch.sort(x, stable=True)[1]),
    case(
        "argsort descending",
        "argsort",
        {"descending": True},
        [torch.round(draw(3, 17) * 4) / 4],
        lambda x: torch.sort(x, stable=True, descending=True)[1],
    ),
]

target = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ops_torch.json")
with open(target, "w") as file:
    json.dump({"torch": torch.__version__, "cases": CASES}, file, separators=(",", ":"))
    file.write("\n")
