"""Writes finetune_torch.json: classification losses, their gradients and top-k of PyTorch, and LAMB as in fine-tuning."""
import json
import os

import numpy as np
import torch
import torch.nn.functional as F

torch.manual_seed(0)
logits = (torch.randn(5, 7, dtype=torch.float64) * 4).requires_grad_()
with torch.no_grad():
    logits[0, 0] = 0.0
    logits[4, 3] = 120.0
targets = torch.rand(5, 7, dtype=torch.float64)
targets = targets / targets.sum(1, keepdim=True)
labels = torch.tensor([0, 3, 6, 2, 3])


def entry(loss):
    (gradient,) = torch.autograd.grad(loss, logits)
    return {"value": loss.item(), "gradient": gradient.flatten().tolist()}


soft = entry(torch.sum(-targets * F.log_softmax(logits, dim=-1), dim=-1).mean())
bce = entry(F.binary_cross_entropy_with_logits(logits, targets))
top = {str(k): (logits.topk(k).indices == labels[:, None]).any(1).tolist() for k in (1, 2, 5)}


def lamb_steps():
    """timm's rule with always_adapt and without bias correction: every tensor is scaled by its trust ratio."""
    params = {"p1": np.array([[0.5, -1.0], [2.0, 0.25]]), "p2": np.array([0.1, -0.2])}
    first = {name: np.zeros_like(p) for name, p in params.items()}
    second = {name: np.zeros_like(p) for name, p in params.items()}
    rows = []
    for s in range(3):
        grads = {"p1": np.array([[0.3, -0.1], [0.7, 1.1]]) * (1 + s), "p2": np.array([0.5, -0.9]) * (1 - s / 3)}
        for name, p in params.items():
            g = grads[name]
            first[name] = 0.9 * first[name] + 0.1 * g
            second[name] = 0.999 * second[name] + 0.001 * g * g
            update = first[name] / (np.sqrt(second[name]) + 1e-6)
            if p.ndim > 1:
                update = update + 0.02 * p
            p -= 0.01 * np.linalg.norm(p) / np.linalg.norm(update) * update
        rows.append({name: p.flatten().tolist() for name, p in params.items()})
    return rows


with open(os.path.join(os.path.dirname(__file__), "finetune_torch.json"), "w") as file:
    json.dump(
        {
            "logits": logits.detach().flatten().tolist(),
            "targets": targets.flatten().tolist(),
            "labels": labels.tolist(),
            "softCrossEntropy": soft,
            "binaryCrossEntropy": bce,
            "top": top,
            "lamb": lamb_steps(),
        },
        file,
        indent=1,
    )
