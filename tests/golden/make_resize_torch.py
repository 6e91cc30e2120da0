"""PyTorch's resized and pooled images. Usage: python3 make_resize_torch.py > resize_torch.json"""
import json

import torch
import torch.nn.functional as F

x = ((torch.arange(2 * 2 * 7 * 5) * 13) % 29 - 14.0).double().reshape(2, 2, 7, 5)


def plain(y):
    y = y.permute(0, 2, 3, 1)
    return {"shape": list(y.shape), "values": [float(v) for v in y.reshape(-1)]}


sizes = {"up": (10, 8), "down": (3, 2), "mixed": (14, 3)}
answers = {"x": plain(x)}
for name, size in sizes.items():
    answers[f"nearest {name}"] = plain(F.interpolate(x, size, mode="nearest"))
    for method in ("bilinear", "bicubic"):
        for antialias in (False, True):
            y = F.interpolate(x, size, mode=method, antialias=antialias, align_corners=False)
            answers[f"{method} {name}{' antialias' if antialias else ''}"] = plain(y)
    answers[f"average {name}"] = plain(F.adaptive_avg_pool2d(x, size))
    answers[f"largest {name}"] = plain(F.adaptive_max_pool2d(x, size))
print(json.dumps(answers))
