"""The side of PyTorch: answers lines of JSON as `side.ts` does. Usage: python3 peer_torch.py [threads]"""
import json
import math
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
CHANNELS, CLASSES, BATCH, RATE = (3, 32, 64, 128), 10, 16, 0.05


def numbers(shape, seed, scale=1.0):
    """The numbers of `work.ts`."""
    i = np.arange(math.prod(shape), dtype=np.uint64)
    mask = np.uint64(0xFFFFFFFF)
    h = (((i + np.uint64(1)) * np.uint64(0x9E3779B1)) & mask) ^ np.uint64(((seed + 1) * 0x85EBCA6B) & 0xFFFFFFFF)
    h = ((h ^ (h >> np.uint64(16))) * np.uint64(0x45D9F3B)) & mask
    h ^= h >> np.uint64(16)
    values = ((h >> np.uint64(8)).astype(np.float64) / 2**23 - 1) * scale
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def image(x):
    return x.permute(0, 3, 1, 2).contiguous()


def weight(w):
    return w.permute(3, 2, 0, 1).contiguous()


def flat(tensors):
    return torch.cat([t.reshape(-1) for t in tensors])


def matmul(g):
    a, b = numbers((g["rows"], g["inner"]), 0), numbers((g["inner"], g["columns"]), 1)
    return lambda: torch.mm(a, b), lambda y: y.reshape(-1)


def sparse(g):
    rows, inner, per_row = g["rows"], g["inner"], g["perRow"]
    entry, step = np.arange(rows * per_row), inner // per_row
    columns = entry % per_row * step + entry // per_row * 17 % step
    indices = torch.from_numpy(np.stack([entry // per_row, columns]))
    a = torch.sparse_coo_tensor(indices, numbers((rows * per_row,), 0), (rows, inner)).coalesce()
    x = numbers((inner, g["columns"]), 1)
    return lambda: torch.sparse.mm(a, x), lambda y: y.reshape(-1)


def conv(g, part):
    batch, size, cin, cout, k = g["batch"], g["size"], g["channels"], g["outChannels"], g["kernel"]
    stride, padding, groups = g["stride"], g["padding"], g["groups"]
    out = (size + 2 * padding - k) // stride + 1
    shapes = {"x": (batch, size, size, cin), "w": (k, k, cin // groups, cout), "y": (batch, out, out, cout)}
    names = {"forward": "xw", "inputGradient": "wy", "weightGradient": "xy"}[part]
    given = {n: (weight if n == "w" else image)(numbers(shapes[n], seed)) for seed, n in enumerate(names)}
    back = (lambda t: t.permute(2, 3, 1, 0).reshape(-1)) if part == "weightGradient" else (lambda t: t.permute(0, 2, 3, 1).reshape(-1))
    if part == "forward":
        return lambda: F.conv2d(given["x"], given["w"], None, stride, padding, 1, groups), back
    x = given.get("x", torch.zeros(batch, cin, size, size))
    w = given.get("w", torch.zeros(cout, cin // groups, k, k))
    which = [part == "inputGradient", part == "weightGradient", False]

    def gradient():
        results = torch.ops.aten.convolution_backward(
            given["y"], x, w, None, [stride, stride], [padding, padding], [1, 1], False, [0, 0], groups, which)
        return results[0 if which[0] else 1]
    return gradient, back


def cnn():
    x = image(numbers((BATCH, 32, 32, 3), 0))
    shapes = [(3, 3, a, b) for a, b in zip(CHANNELS, CHANNELS[1:])] + [(CHANNELS[-1], CLASSES)]
    raw = [numbers(s, i + 1, math.sqrt(6 / math.prod(s[:-1]))) for i, s in enumerate(shapes)]
    first = [weight(w) for w in raw[:-1]] + raw[-1:]
    labels = torch.tensor([(i * 7) % CLASSES for i in range(BATCH)])
    state = {"weights": first}

    def advance(weights):
        weights = [w.detach().requires_grad_() for w in weights]
        y = x
        for w in weights[:-1]:
            y = F.relu(F.conv2d(y, w, None, 2, 1))
        loss = F.cross_entropy(y.mean((2, 3)) @ weights[-1], labels)
        grads = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            return [w - RATE * g for w, g in zip(weights, grads)]

    def run():
        state["weights"] = advance(state["weights"])

    def result():
        after = advance(first)
        return flat([w.permute(2, 3, 1, 0) for w in after[:-1]] + after[-1:])
    return run, result


def prepare(work):
    if work["kind"] in ("ahead", "transformer"):
        raise ValueError("no such work here: it is for libraries that compile")
    if work["kind"] == "cnn":
        run, result = cnn()
    else:
        made = {"matmul": matmul, "sparse": sparse}.get(work["kind"])
        run, back = made(work["geometry"]) if made else conv(work["geometry"], work["part"])
        result = lambda: back(run())  # noqa: E731
    values = result().detach()
    n = values.numel()
    count = min(48, n)
    positions = [math.floor((n - 1) * i / max(1, count - 1) + 0.5) for i in range(count)]
    return run, {"samples": [values[p].item() for p in positions], "length": n}


def main():
    run = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["action"] == "prepare":
                run, answer = prepare(request["work"])
            else:
                start = time.perf_counter()
                for _ in range(request["repeats"]):
                    run()
                answer = {"milliseconds": 1000 * (time.perf_counter() - start), "submits": 0}
        except Exception as error:  # a peer that cannot do one says so in the table
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


main()
