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


RULES = {"sgd": torch.optim.SGD, "adamw": torch.optim.AdamW}
# Rule, PyTorch's options, the bound of clip_grad_norm_ if any, and whether the bias decays as the weight does.
OPTIMIZERS = [
    ("sgd", {"lr": 0.1}, None, True),
    ("sgd", {"lr": 0.05, "weight_decay": 0.2}, None, True),
    ("sgd", {"lr": 0.05, "momentum": 0.8, "weight_decay": 0.2}, None, False),
    ("sgd", {"lr": 0.02, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}, 5.0, False),
    ("adamw", {}, None, True),
    ("adamw", {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.3}, None, True),
    ("adamw", {"lr": 0.02, "betas": (0.9, 0.95), "weight_decay": 0.1}, 5.0, False),
    ("adamw", {"lr": 0.02, "weight_decay": 0.0}, 0.5, True),
]


def trace_optimizer(rule, options, max_norm, decays_bias):
    weight, bias = draw(3, 2).requires_grad_(), draw(2).requires_grad_()
    groups = [{"params": [weight]}, {"params": [bias]} if decays_bias else {"params": [bias], "weight_decay": 0.0}]
    optimizer = RULES[rule](groups, **{"lr": 1e-3, **options})
    record = {"rule": rule, "options": options, "maxNorm": max_norm, "decaysBias": decays_bias}
    record |= {"weight": numbers(weight), "bias": numbers(bias), "steps": []}
    for step in range(4):
        weight.grad, bias.grad = draw(3, 2) * (step + 1), draw(2) * (step + 1)
        gradients = {"weight": numbers(weight.grad), "bias": numbers(bias.grad)}
        norm = torch.nn.utils.clip_grad_norm_([weight, bias], max_norm or 1e30)
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
    "optimizers": [trace_optimizer(*row) for row in OPTIMIZERS],
    "batchNorm": trace_layer(batch_norm, draw(2, 3, 2, 4), draw(4), draw(4)),
    "layerNorm": trace_layer(lambda x, w, b: F.layer_norm(x, (5,), w, b, 1e-6), draw(2, 2, 3, 5), draw(5), draw(5)),
    "relu": trace_layer(F.relu, grid),
    "relu6": trace_layer(F.relu6, grid),
    "gelu": trace_layer(F.gelu, draw(3, 7)),
}
with open(os.path.join(os.path.dirname(__file__), "nn_torch.json"), "w") as file:
    json.dump(records, file)
    file.write("\n")
