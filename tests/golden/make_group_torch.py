"""Writes group_torch.json: group norm and squeeze and excitation with their gradients, by PyTorch in float64.

Run with Debian's python3-torch (1.13): /usr/bin/python3 tests/golden/make_group_torch.py
Maps are channels last; linear weights are [in, out]. The gradients are those of sum(output * cotangent).
"""

import json
import os

import torch
import torch.nn.functional as F

torch.manual_seed(0)
DOUBLE = torch.float64


def draw(*shape):
    return torch.randint(-96, 97, shape, dtype=DOUBLE) / 64


def numbers(x):
    return [float(f"{v:.12g}") for v in x.detach().reshape(-1).tolist()]


def trace(f, *inputs):
    primals = [x.clone().requires_grad_() for x in inputs]
    output = f(*primals)
    cotangent = draw(*output.shape)
    (output * cotangent).sum().backward()
    return {
        "inputs": [{"shape": list(x.shape), "values": numbers(x)} for x in primals],
        "output": numbers(output),
        "cotangent": numbers(cotangent),
        "gradients": [numbers(x.grad) for x in primals],
    }


def group_norm(groups):
    def f(x, weight, bias):
        return F.group_norm(x.permute(0, 3, 1, 2), groups, weight, bias, 1e-5).permute(0, 2, 3, 1)

    return f


def squeeze_excite(x, w1, b1, w2, b2):
    y = x.permute(0, 3, 1, 2)
    z = F.adaptive_avg_pool2d(y, 1)
    z = F.relu(F.conv2d(z, w1.t()[:, :, None, None], b1))
    z = torch.sigmoid(F.conv2d(z, w2.t()[:, :, None, None], b2))
    return (y * z).permute(0, 2, 3, 1)


records = {
    "groupNorm2": trace(group_norm(2), draw(2, 3, 2, 4), draw(4), draw(4)),
    "groupNorm4": trace(group_norm(4), draw(2, 3, 2, 4), draw(4), draw(4)),
    "groupNorm1": trace(group_norm(1), draw(2, 3, 2, 4), draw(4), draw(4)),
    "squeezeExcite": trace(squeeze_excite, draw(2, 3, 2, 4), draw(4, 2), draw(2), draw(2, 4), draw(4)),
}
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "group_torch.json")
with open(path, "w") as file:
    json.dump(records, file, separators=(",", ":"))
    file.write("\n")
