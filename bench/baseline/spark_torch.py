"""Masked-dense SparK in PyTorch, the way the official code computes it: the baseline of the step benchmarks.

Debian's PyTorch needs a fast BLAS for transposed convolutions (apt-get install libopenblas0-pthread): with the reference
BLAS that it comes with, a step takes five times as long.

Usage: python3 spark_torch.py --model resnet50 --input-size 224 --batch-size 8 --steps 3 --json
The last line of the output is a JSON object with imagesPerSecond, millisecondsPerStep and residentBytes.
"""
import argparse
import json
import math
import resource
import statistics
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

RESNETS = {"resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3), "resnet152": (3, 8, 36, 3), "resnet200": (3, 24, 36, 3)}
CONVNEXTS = {
    "convnext_tiny": ((3, 3, 9, 3), (96, 192, 384, 768)),
    "convnext_small": ((3, 3, 27, 3), (96, 192, 384, 768)),
    "convnext_base": ((3, 3, 27, 3), (128, 256, 512, 1024)),
    "convnext_large": ((3, 3, 27, 3), (192, 384, 768, 1536)),
}


def expand(active, h, w):
    """Mask [B, 1, f, f] at the resolution of a feature map."""
    return active.repeat_interleave(h // active.shape[2], 2).repeat_interleave(w // active.shape[3], 3)


class Masked:
    """The mask of the current step, which every sparse layer multiplies or gathers by."""

    active = None

    @classmethod
    def at(cls, x):
        return expand(cls.active, x.shape[2], x.shape[3])


class SparseConv2d(nn.Conv2d):
    def forward(self, x):
        y = super().forward(x)
        return y * Masked.at(y)


class SparseMaxPool2d(nn.MaxPool2d):
    def forward(self, x):
        y = super().forward(x)
        return y * Masked.at(y)


class SparseBatchNorm2d(nn.BatchNorm1d):
    def forward(self, x):
        bhwc = x.permute(0, 2, 3, 1)
        index = Masked.at(x).squeeze(1).nonzero(as_tuple=True)
        out = torch.zeros_like(bhwc)
        out[index] = super().forward(bhwc[index]).to(out.dtype)  # autocast norms in float32
        return out.permute(0, 3, 1, 2)


class SparseLayerNorm(nn.LayerNorm):
    """Over channels at active sites; `channels_last` tells the layout of the input."""

    def __init__(self, dim, channels_last):
        super().__init__(dim, eps=1e-6)
        self.channels_last = channels_last

    def forward(self, x):
        bhwc = x if self.channels_last else x.permute(0, 2, 3, 1)
        mask = expand(Masked.active, bhwc.shape[1], bhwc.shape[2]).squeeze(1)
        index = mask.nonzero(as_tuple=True)
        out = torch.zeros_like(bhwc)
        out[index] = super().forward(bhwc[index]).to(out.dtype)  # autocast norms in float32
        return out if self.channels_last else out.permute(0, 3, 1, 2)


class Bottleneck(nn.Module):
    def __init__(self, cin, width, stride):
        super().__init__()
        cout = width * 4
        self.conv1, self.bn1 = SparseConv2d(cin, width, 1, bias=False), SparseBatchNorm2d(width)
        self.conv2, self.bn2 = SparseConv2d(width, width, 3, stride, 1, bias=False), SparseBatchNorm2d(width)
        self.conv3, self.bn3 = SparseConv2d(width, cout, 1, bias=False), SparseBatchNorm2d(cout)
        self.down = None
        if stride != 1 or cin != cout:
            self.down = nn.Sequential(SparseConv2d(cin, cout, 1, stride, bias=False), SparseBatchNorm2d(cout))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (x if self.down is None else self.down(x)))


class ResNet(nn.Module):
    channels = (256, 512, 1024, 2048)

    def __init__(self, depths):
        super().__init__()
        self.stem = nn.Sequential(
            SparseConv2d(3, 64, 7, 2, 3, bias=False), SparseBatchNorm2d(64), nn.ReLU(), SparseMaxPool2d(3, 2, 1))
        self.stages, cin = nn.ModuleList(), 64
        for i, depth in enumerate(depths):
            blocks = []
            for j in range(depth):
                blocks.append(Bottleneck(cin, 64 << i, 2 if i > 0 and j == 0 else 1))
                cin = (64 << i) * 4
            self.stages.append(nn.Sequential(*blocks))

    def forward(self, x):
        x, maps = self.stem(x), []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class ConvNeXtBlock(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.dwconv = SparseConv2d(dim, dim, 7, padding=3, groups=dim)
        self.norm = SparseLayerNorm(dim, True)
        self.up, self.down = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)
        self.gamma = nn.Parameter(torch.full((dim,), 1e-6))

    def forward(self, x):
        y = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        y = self.gamma * self.down(F.gelu(self.up(y)))
        y = y.permute(0, 3, 1, 2)
        return x + y * Masked.at(y)


class ConvNeXt(nn.Module):
    def __init__(self, depths, dims):
        super().__init__()
        self.channels = dims
        self.stages = nn.ModuleList()
        for i, (depth, dim) in enumerate(zip(depths, dims)):
            if i == 0:
                head = [SparseConv2d(3, dim, 4, 4), SparseLayerNorm(dim, False)]
            else:
                head = [SparseLayerNorm(dims[i - 1], False), SparseConv2d(dims[i - 1], dim, 2, 2)]
            self.stages.append(nn.Sequential(*head, *[ConvNeXtBlock(dim) for _ in range(depth)]))

    def forward(self, x):
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class Decoder(nn.Module):
    def __init__(self, width):
        super().__init__()
        c = [width >> k for k in range(6)]
        self.blocks = nn.ModuleList([nn.Sequential(
            nn.ConvTranspose2d(a, a, 4, 2, 1), nn.Conv2d(a, a, 3, 1, 1, bias=False), nn.BatchNorm2d(a), nn.ReLU6(),
            nn.Conv2d(a, b, 3, 1, 1, bias=False), nn.BatchNorm2d(b)) for a, b in zip(c[:-1], c[1:])])
        self.proj = nn.Conv2d(c[-1], 3, 1)

    def forward(self, maps):
        y = 0
        for i, block in enumerate(self.blocks):
            y = block(y + maps[i] if i < len(maps) else y)
        return self.proj(y)


class SparK(nn.Module):
    def __init__(self, name, width=768):
        super().__init__()
        resnet = name in RESNETS
        self.encoder = ResNet(RESNETS[name]) if resnet else ConvNeXt(*CONVNEXTS[name])
        self.decoder = Decoder(width)
        self.norms, self.tokens, self.projections = nn.ModuleList(), nn.ParameterList(), nn.ModuleList()
        for i, c in enumerate(reversed(self.encoder.channels)):
            d = width >> i
            self.norms.append(SparseBatchNorm2d(c) if resnet else SparseLayerNorm(c, False))
            self.tokens.append(nn.Parameter(torch.zeros(1, c, 1, 1).normal_(0, 0.02)))
            same = i == 0 and c == d
            self.projections.append(nn.Identity() if same else nn.Conv2d(c, d, 1 if i == 0 else 3, padding=0 if i == 0 else 1))

    def forward(self, images, active):
        Masked.active = active
        maps = list(reversed(self.encoder(images * Masked.at(images))))
        dense = []
        for norm, token, projection, x in zip(self.norms, self.tokens, self.projections, maps):
            x = norm(x)
            dense.append(projection(torch.where(Masked.at(x).expand_as(x), x, token.expand_as(x))))
        return self.loss(images, self.decoder(dense), active)

    def loss(self, images, pixels, active):
        target, prediction = patchify(images, active), patchify(pixels, active)
        mean = target.mean(-1, keepdim=True)
        sigma = (target.var(-1, keepdim=True) + 1e-6) ** 0.5
        error = ((prediction - (target - mean) / sigma) ** 2).mean(-1)
        masked = active.flatten(1).logical_not()
        return (error * masked).sum() / (masked.sum() + 1e-8)


def patchify(x, active):
    b, c, h, w = x.shape
    f, g = active.shape[2:]
    x = x.reshape(b, c, f, h // f, g, w // g)
    return torch.einsum("bchpwq->bhwpqc", x).reshape(b, f * g, -1)


class Lamb(torch.optim.Optimizer):
    """As timm 0.5.4 in SparK: gradients clipped to a global norm of 5, trust ratio on decayed tensors."""

    def __init__(self, groups):
        super().__init__(groups, dict(lr=1e-3))
        self.steps = 0

    @torch.no_grad()
    def step(self):
        self.steps += 1
        grads = [p.grad for group in self.param_groups for p in group["params"]]
        clip = max(1.0, torch.norm(torch.stack([g.norm() for g in grads])).item() / 5)
        bc1, bc2 = 1 - 0.9**self.steps, 1 - 0.95**self.steps
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["m"], state["v"] = torch.zeros_like(p), torch.zeros_like(p)
                m, v, g = state["m"], state["v"], p.grad / clip
                m.mul_(0.9).add_(g, alpha=0.1)
                v.mul_(0.95).addcmul_(g, g, value=0.05)
                update = (m / bc1) / (v.sqrt() / math.sqrt(bc2) + 1e-6)
                if group["decay"]:
                    update.add_(p, alpha=group["decay"])
                    a, b = p.norm().item(), update.norm().item()
                    update.mul_(a / b if a > 0 and b > 0 else 1.0)
                p.add_(update, alpha=-group["lr"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="resnet50", choices=[*RESNETS, *CONVNEXTS])
    parser.add_argument("--input-size", type=int, default=224)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--warmup", type=int, default=1)
    parser.add_argument("--mask-ratio", type=float, default=0.6)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu", help="cpu, cuda, or auto: cuda where there is one")
    parser.add_argument("--precision", default="f32", choices=["f32", "tf32", "amp"], help="of cuda: exact, TensorFloat-32, autocast")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--on-request", action="store_true", help="wait for a line of standard input before each timed step")
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    device = "cuda" if args.device == "auto" and torch.cuda.is_available() else args.device.replace("auto", "cpu")
    if device == "cpu" and args.precision != "f32":
        sys.exit(f"Cannot compute with {args.precision} as there must be a GPU: current device is cpu")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = args.precision != "f32"
    model = SparK(args.model).train().to(device)
    scaler = torch.cuda.amp.GradScaler(enabled=args.precision == "amp")

    def now():
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    decay = [p for p in model.parameters() if p.ndim > 1 and p.shape[0] != 1]
    rest = [p for p in model.parameters() if not (p.ndim > 1 and p.shape[0] != 1)]
    optimizer = Lamb([{"params": decay, "decay": 0.04}, {"params": rest, "decay": 0.0}])
    f = args.input_size // 32
    keep = round(f * f * (1 - args.mask_ratio))
    images = torch.randn(args.batch_size, 3, args.input_size, args.input_size).to(device)
    rows = []
    for step in range(args.warmup + args.steps):
        if args.on_request and step >= args.warmup and not sys.stdin.readline():
            break
        order = torch.rand(args.batch_size, f * f).argsort(1)[:, :keep]
        active = torch.zeros(args.batch_size, f * f).scatter_(1, order, 1.0).bool().reshape(-1, 1, f, f).to(device)
        times = [now()]
        with torch.autocast("cuda", enabled=args.precision == "amp"):
            loss = model(images, active)
        times.append(now())
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        times.append(now())
        scaler.step(optimizer)
        scaler.update()
        times.append(now())
        if step >= args.warmup:
            rows.append([b - a for a, b in zip(times, times[1:])])
        if args.on_request and step >= args.warmup:
            print(report(args, rows[-1:]), flush=True)
        if not args.json and not args.on_request:
            print(f"step {step} loss {loss.item():.4f} forward {times[1] - times[0]:.2f} s backward {times[2] - times[1]:.2f} s "
                  f"optimizer {times[3] - times[2]:.2f} s", flush=True)
    if not args.on_request:
        print(report(args, rows))


def report(args, rows):
    """One JSON object: medians of the timed steps, `[forward, backward, optimizer]` seconds each."""
    total = statistics.median(sum(row) for row in rows)
    forward, backward, update = (statistics.median(row[i] for row in rows) for i in range(3))
    return json.dumps({
        "model": args.model, "inputSize": args.input_size, "batchSize": args.batch_size,
        "imagesPerSecond": args.batch_size / total, "millisecondsPerStep": 1000 * total,
        "forwardMilliseconds": 1000 * forward, "backwardMilliseconds": 1000 * backward, "optimizerMilliseconds": 1000 * update,
        "residentBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, "threads": args.threads,
        "device": args.device, "precision": args.precision,
        **({"deviceBytes": torch.cuda.max_memory_allocated()} if torch.cuda.is_available() else {}),
    })


if __name__ == "__main__":
    main()
