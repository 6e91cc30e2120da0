"""Writes nn_torch.json: steps of AdamW and SGD, and layers with their gradients, by PyTorch in float64.

Run with Debian's python3-torch (1.13): /usr/bin/python3 tests/golden/make_nn_torch.py
Maps are channels last. The gradients are those of sum(output * cotangent).
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


def trace_optimizer(make):
    weight, bias = draw(3, 2).requires_grad_(), draw(2).requires_grad_()
    optimizer = make([{"params": [weight], "weight_decay": 0.1}, {"params": [bias], "weight_decay": 0.0}])
    record = {"weight": numbers(weight), "bias": numbers(bias), "steps": []}
    for step in range(4):
        weight.grad, bias.grad = draw(3, 2) * (step + 1), draw(2) * (step + 1)
        gradients = {"weight": numbers(weight.grad), "bias": numbers(bias.grad)}
        norm = torch.nn.utils.clip_grad_norm_([weight, bias], 5.0)
        optimizer.step()
        record["steps"].append({"gradients": gradients, "norm": float(norm), "weight": numbers(weight), "bias": numbers(bias)})
    return record


def trace_layer(f, *inputs):
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


def batch_norm(x, weight, bias):
    y = F.batch_norm(x.permute(0, 3, 1, 2), None, None, weight, bias, True, 0.1, 1e-5)
    return y.permute(0, 2, 3, 1)


grid = torch.tensor([-7.0, -1.0, 0.0, 0.5, 6.0, 6.5], dtype=DOUBLE)
records = {
    "adamw": trace_optimizer(lambda groups: torch.optim.AdamW(groups, lr=0.02, betas=(0.9, 0.95), eps=1e-8)),
    "sgd": trace_optimizer(lambda groups: torch.optim.SGD(groups, lr=0.02, momentum=0.9, nesterov=True)),
    "heavyBall": trace_optimizer(lambda groups: torch.optim.SGD(groups, lr=0.02, momentum=0.8)),
    "batchNorm": trace_layer(batch_norm, draw(2, 3, 2, 4), draw(4), draw(4)),
    "layerNorm": trace_layer(lambda x, w, b: F.layer_norm(x, (5,), w, b, 1e-6), draw(2, 2, 3, 5), draw(5), draw(5)),
    "relu": trace_layer(F.relu, grid),
    "relu6": trace_layer(F.relu6, grid),
    "gelu": trace_layer(F.gelu, draw(3, 7)),
}
with open(os.path.join(os.path.dirname(__file__), "nn_torch.json"), "w") as file:
    json.dump(records, file)
    file.write("\n")
