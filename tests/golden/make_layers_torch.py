"""Writes layers_torch.json: layers, losses, optimizers and schedules with their gradients or steps, by PyTorch in float64.

Run with Debian's python3-torch (1.13) and python3-torchvision: /usr/bin/python3 tests/golden/make_layers_torch.py
What PyTorch 1.13 does not have (RMSNorm, GRN, Lion, Muon) stands here as its formula. Maps are channels last, linear weights
[in, out]. The gradients are those of sum(output * cotangent).
"""

import json
import os

import torch
import torch.nn.functional as F
from torchvision.ops import sigmoid_focal_loss

torch.manual_seed(1)
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


def rms_norm(x, weight):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * weight


def instance_norm(x, weight, bias):
    return F.instance_norm(x.permute(0, 3, 1, 2), weight=weight, bias=bias, eps=1e-5).permute(0, 2, 3, 1)


def grn(x, weight, bias):  # github.com/facebookresearch/ConvNeXt-V2, models/utils.py
    gx = torch.norm(x, p=2, dim=(1, 2), keepdim=True)
    nx = gx / (gx.mean(dim=-1, keepdim=True) + 1e-6)
    return weight * (x * nx) + bias + x


def attention(causal, heads):
    def f(x, wq, bq, wk, bk, wv, bv, wo, bo):
        t = x.shape[1]
        mask = torch.triu(torch.ones(t, t, dtype=torch.bool), 1) if causal else None
        y, _ = F.multi_head_attention_forward(
            x.transpose(0, 1), x.transpose(0, 1), x.transpose(0, 1), x.shape[2], heads,
            torch.cat([wq.T, wk.T, wv.T]), torch.cat([bq, bk, bv]), None, None, False, 0.0, wo.T, bo,
            need_weights=False, attn_mask=mask)
        return y.transpose(0, 1)
    return f


LABELS = torch.tensor([2, 0, 3, -100, 1])
CLASS_WEIGHTS = torch.tensor([0.5, 1.0, 2.0, 1.5], dtype=DOUBLE)
BINARY = torch.tensor([[1, 0, 0], [0, 1, 1]], dtype=DOUBLE)


def cross_entropy(**options):
    return lambda x: F.cross_entropy(x, LABELS, **options)


def dice(x):
    p, t = torch.sigmoid(x).flatten(1), BINARY
    return (1 - (2 * (p * t).sum(1) + 1) / (p.sum(1) + t.sum(1) + 1)).mean()


C = 4
attention_inputs = [draw(2, 5, C)] + [draw(*shape) for _ in range(4) for shape in [(C, C), (C,)]]
layers = {
    "rmsNorm": trace(rms_norm, draw(2, 3, 5), draw(5)),
    "instanceNorm": trace(instance_norm, draw(2, 3, 2, 4), draw(4), draw(4)),
    "globalResponseNorm": trace(grn, draw(2, 3, 2, 4), draw(4), draw(4)),
    "attention": trace(attention(False, 2), *attention_inputs),
    "causalAttention": trace(attention(True, 1), *attention_inputs),
    "crossEntropy": trace(cross_entropy(), draw(5, 4)),
    "crossEntropySum": trace(cross_entropy(reduction="sum", weight=CLASS_WEIGHTS), draw(5, 4)),
    "crossEntropyNone": trace(cross_entropy(reduction="none", label_smoothing=0.1), draw(5, 4)),
    "crossEntropyWeighted": trace(cross_entropy(weight=CLASS_WEIGHTS), draw(5, 4)),
    "crossEntropySmooth": trace(cross_entropy(label_smoothing=0.2, weight=CLASS_WEIGHTS, reduction="sum"), draw(5, 4)),
    "focalLoss": trace(lambda x: sigmoid_focal_loss(x, BINARY, reduction="mean"), draw(2, 3)),
    "focalLossPlain": trace(lambda x: sigmoid_focal_loss(x, BINARY, alpha=-1, gamma=1.5, reduction="sum"), draw(2, 3)),
    "mseLoss": trace(F.mse_loss, draw(2, 3), draw(2, 3)),
    "l1Loss": trace(F.l1_loss, draw(2, 3), draw(2, 3)),
    "smoothL1Loss": trace(lambda a, b: F.smooth_l1_loss(a, b, beta=0.5), draw(4, 3), draw(4, 3)),
    "huberLoss": trace(lambda a, b: F.huber_loss(a, b, delta=0.7, reduction="none"), draw(4, 3), draw(4, 3)),
    "diceLoss": trace(dice, draw(2, 3)),
}


def recurrent(kind, reverse=False):
    def f(x, wi, bi, wh, bh):
        zero = torch.zeros(1, x.shape[0], wh.shape[0], dtype=DOUBLE)
        weights = [wi.T, wh.T, bi, bh]  # what torch.nn.LSTM and GRU hand on
        start = (zero, zero) if kind is torch._VF.lstm else zero
        y = kind(x.flip(1) if reverse else x, start, weights, True, 1, 0.0, True, False, True)[0]
        return y.flip(1) if reverse else y
    return f


def recurrent_inputs(gates):
    return draw(2, 4, 3), draw(3, gates * 5), draw(gates * 5), draw(5, gates * 5), draw(gates * 5)


layers |= {
    "lstm": trace(recurrent(torch._VF.lstm), *recurrent_inputs(4)),
    "lstmReverse": trace(recurrent(torch._VF.lstm, True), *recurrent_inputs(4)),
    "gru": trace(recurrent(torch._VF.gru), *recurrent_inputs(3)),
}


class Lion(torch.optim.Optimizer):  # Chen et al. 2023, algorithm 2
    def __init__(self, params, lr, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    def step(self):
        for group in self.param_groups:
            b1, b2 = group["betas"]
            for p in group["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                u = (b1 * m + (1 - b1) * p.grad).sign()
                p.data -= group["lr"] * (u + group["weight_decay"] * p.data)
                self.state[p]["m"] = b2 * m + (1 - b2) * p.grad


class Muon(torch.optim.Optimizer):  # the formula of torch.optim.Muon (2.9); our weights are [in, out]
    def __init__(self, params, lr, momentum=0.95, weight_decay=0.1):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                buf = self.state[p].setdefault("m", torch.zeros_like(p))
                buf.lerp_(p.grad, 1 - group["momentum"])
                u = p.grad.lerp(buf, group["momentum"]).T  # [out, in]
                shape = u.shape
                u = u.T if shape[0] > shape[1] else u
                u = u / (u.norm() + 1e-7)
                for _ in range(5):
                    gram = u @ u.T
                    u = 3.4445 * u + (-4.7750 * gram + 2.0315 * gram @ gram) @ u
                u = u.T if shape[0] > shape[1] else u
                rate = group["lr"] * max(1, shape[0] / shape[1]) ** 0.5
                p.data *= 1 - group["lr"] * group["weight_decay"]
                p.data -= rate * u.T


RULES = {"adam": torch.optim.Adam, "rmsprop": torch.optim.RMSprop, "lion": Lion, "muon": Muon}
OPTIMIZERS = [
    ("adam", {"lr": 0.02, "betas": (0.8, 0.95)}),
    ("rmsprop", {"lr": 0.02}),
    ("rmsprop", {"lr": 0.02, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1, "momentum": 0.8}),
    ("rmsprop", {"lr": 0.02, "alpha": 0.9, "centered": True}),
    ("lion", {"lr": 0.02}),
    ("lion", {"lr": 0.02, "betas": (0.8, 0.9), "weight_decay": 0.1}),
    ("muon", {"lr": 0.02}),
    ("muon", {"lr": 0.05, "momentum": 0.8, "weight_decay": 0.0}),
]


def trace_optimizer(rule, options):
    weight = draw(3, 5).requires_grad_()
    optimizer = RULES[rule]([weight], **options)
    record = {"rule": rule, "options": options, "weight": numbers(weight), "steps": []}
    for step in range(4):
        weight.grad = draw(3, 5) * (step + 1)
        gradient = numbers(weight.grad)
        optimizer.step()
        record["steps"].append({"gradient": gradient, "weight": numbers(weight)})
    return record


S = torch.optim.lr_scheduler
SCHEDULES = {
    "polynomial": (1.0, lambda o: S.PolynomialLR(o, total_iters=8, power=2.0)),
    "exponential": (0.8, lambda o: S.ExponentialLR(o, gamma=0.9)),
    "staircase": (0.8, lambda o: S.StepLR(o, step_size=3, gamma=0.5)),
    "piecewise": (0.8, lambda o: S.MultiStepLR(o, milestones=[2, 7], gamma=0.1)),
    "oneCycle": (0.8, lambda o: S.OneCycleLR(o, max_lr=0.5, total_steps=12)),
    "joined": (1.0, lambda o: S.SequentialLR(
        o, [S.ConstantLR(o, factor=0.5, total_iters=100), S.ExponentialLR(o, gamma=0.9)], milestones=[4])),
}


def trace_schedule(rate, make):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=rate)
    schedule = make(optimizer)
    rates = []
    for _ in range(12):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step() if len(rates) < 12 else None
    return rates


records = {
    "layers": layers,
    "optimizers": [trace_optimizer(*row) for row in OPTIMIZERS],
    "schedules": {name: trace_schedule(*row) for name, row in SCHEDULES.items()},
}
with open(os.path.join(os.path.dirname(__file__), "layers_torch.json"), "w") as file:
    json.dump(records, file)
    file.write("\n")
