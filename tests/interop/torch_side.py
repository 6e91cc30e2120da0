"""PyTorch's half of `deno task interop`. Needs torch and torchvision (Debian: python3-torch python3-torchvision).

export DIR   saves torchvision models of random weights, an input, and what they make of it
check DIR    loads what the other half wrote, strictly, and compares features and optimizer states
"""

import json
import os
import sys

import numpy as np
import torch
import torchvision

MODELS = ["resnet18", "resnet50", "resnet101", "convnext_tiny", "convnext_small"]
CLASSES = 10


def build(name):
    torch.manual_seed(0)
    return getattr(torchvision.models, name)(weights=None, num_classes=CLASSES).eval()


def scramble(model):
    """Statistics and scales as after training: at their first values, errors would not show."""
    generator = torch.Generator().manual_seed(1)
    for key, value in model.state_dict().items():
        if key.endswith("running_mean"):
            value.copy_(torch.randn(value.shape, generator=generator) * 0.1)
        elif key.endswith("running_var"):
            value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
        elif key.endswith("layer_scale"):
            value.copy_(torch.rand(value.shape, generator=generator))
        elif key.endswith("bias") or value.dim() == 1:
            value.add_(torch.randn(value.shape, generator=generator) * 0.1)


def features(model, x):
    """Pooled features before the head."""
    if hasattr(model, "fc"):
        model.fc = torch.nn.Identity()
        return model(x)
    return model.avgpool(model.features(x)).flatten(1)


def export(folder):
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    np.savez(os.path.join(folder, "input.npz"), x=x.permute(0, 2, 3, 1).contiguous().numpy())
    for name in MODELS:
        model = build(name)
        scramble(model)
        torch.save(model.state_dict(), os.path.join(folder, f"torch_{name}.pth"))
        with torch.no_grad():
            logits = model(x)
            np.savez(os.path.join(folder, f"torch_{name}.npz"), logits=logits.numpy(), features=features(model, x).numpy())


class Recorder(torch.optim.Optimizer):
    """Takes any state dict whose groups fit, as PyTorch's own optimizers do."""

    def step(self, closure=None):
        raise NotImplementedError


def check_backbone(folder, name, x):
    model = build(name)
    state = torch.load(os.path.join(folder, f"ours_{name}.pth"))
    if hasattr(model, "fc"):
        model.fc = torch.nn.Identity()
    else:
        model.classifier = torch.nn.Identity()
    model.load_state_dict(state, strict=True)
    with torch.no_grad():
        got = features(model, x).numpy()
    expected = np.load(os.path.join(folder, f"ours_{name}.npz"))["features"]
    return float(np.abs(got - expected).max() / np.abs(expected).max())


def check_full(folder, name, keys):
    """Key list, shapes, types and groups of a full checkpoint, against a list of the official implementation."""
    saved = torch.load(os.path.join(folder, f"full_{name}.pth"))
    with open(keys) as file:
        rows = [line.rstrip("\n").split("\t") for line in file.readlines()[1:]]
    module = saved["module"]
    config = module.pop("config")
    found = [(key, str(list(value.shape)), str(value.dtype).replace("torch.", "")) for key, value in module.items()]
    assert found == [(key, shape, dtype) for key, shape, dtype, _, _ in rows], "keys, shapes or types differ"
    decay = [torch.nn.Parameter(module[row[0]]) for row in rows if row[4] == "decay"]
    others = [torch.nn.Parameter(module[row[0]]) for row in rows if row[4] == "no_decay"]
    optimizer = Recorder([{"params": decay}, {"params": others}], {"lr": 0.0})
    optimizer.load_state_dict(saved["optimizer"])
    for parameter in decay + others:
        state = optimizer.state[parameter]
        assert set(state) == {"exp_avg", "exp_avg_sq"} and state["exp_avg"].shape == parameter.shape
    fields = "weight_decay_scale lr_scale lr bias_correction betas eps weight_decay grad_averaging max_grad_norm"
    wanted = set(fields.split() + ["trust_clip", "always_adapt", "step", "params"])
    assert all(set(group) == wanted for group in saved["optimizer"]["param_groups"]), "fields of the groups differ"
    sizes = [len(group["params"]) for group in saved["optimizer"]["param_groups"]]
    return {"keys": len(found), "groups": sizes, "step": saved["optimizer"]["param_groups"][0]["step"], "config": config}


def check(folder):
    x = torch.from_numpy(np.load(os.path.join(folder, "input.npz"))["x"]).permute(0, 3, 1, 2)
    with open(os.path.join(folder, "plan.json")) as file:
        plan = json.load(file)
    result = {
        "backbones": {name: check_backbone(folder, name, x) for name in plan["backbones"]},
        "full": {name: check_full(folder, name, keys) for name, keys in plan["full"].items()},
    }
    print(json.dumps(result))


if __name__ == "__main__":
    {"export": export, "check": check}[sys.argv[1]](sys.argv[2])
