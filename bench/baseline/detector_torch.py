"""torchvision's side of bench/detector.ts: a step of training of its maskrcnn_resnet50_fpn for each line that it reads.

detector_torch.py FOLDER WORK THREADS
"""

import json
import os
import resource
import sys
import time

import numpy as np
import torch
import torchvision
from torchvision.models.detection import _utils

CLASSES = 91
LOSSES = {"loss_objectness": "objectness", "loss_rpn_box_reg": "rpnBox", "loss_classifier": "class", "loss_box_reg": "box", "loss_mask": "mask"}


class FirstSampler(_utils.BalancedPositiveNegativeSampler):
    """As its parent, but of the candidates the first instead of random ones, so that both sides do the same."""

    def __call__(self, matched_idxs):
        chosen = []
        for matched in matched_idxs:
            positive, negative = torch.where(matched >= 1)[0], torch.where(matched == 0)[0]
            count = min(positive.numel(), int(self.batch_size_per_image * self.positive_fraction))
            rest = min(negative.numel(), self.batch_size_per_image - count)
            masks = [torch.zeros_like(matched, dtype=torch.uint8) for _ in range(2)]
            masks[0][positive[:count]] = 1
            masks[1][negative[:rest]] = 1
            chosen.append(masks)
        return [masks[0] for masks in chosen], [masks[1] for masks in chosen]


def build(folder, size):
    model = torchvision.models.detection.maskrcnn_resnet50_fpn(
        weights=None, weights_backbone=None, num_classes=CLASSES, min_size=size, max_size=size,
        image_mean=[0.0] * 3, image_std=[1.0] * 3)
    model.load_state_dict(torch.load(os.path.join(folder, "weights.pth")), strict=True)
    for part in (model.rpn, model.roi_heads):
        part.fg_bg_sampler = FirstSampler(part.fg_bg_sampler.batch_size_per_image, part.fg_bg_sampler.positive_fraction)
    return model.train()


def scenes(folder, batch):
    images, targets = [], []
    for i in range(batch):
        scene = np.load(os.path.join(folder, f"scene_{i}.npz"))
        images.append(torch.from_numpy(scene["pixels"]).permute(2, 0, 1).contiguous())
        labels = torch.from_numpy(scene["classes"].astype(np.int64)) + 1
        targets.append({"boxes": torch.from_numpy(scene["boxes"]), "labels": labels, "masks": torch.from_numpy(scene["masks"])})
    return images, targets


def main(folder, work, threads):
    torch.set_num_threads(int(threads))
    work = json.loads(work)
    model = build(folder, work["size"])
    images, targets = scenes(folder, work["batch"])
    counts = []
    heads = model.roi_heads
    select = heads.select_training_samples

    def counting(*given):
        chosen = select(*given)
        counts.append(sum(int((labels > 0).sum()) for labels in chosen[2]))
        return chosen

    heads.select_training_samples = counting
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)
    for _ in sys.stdin:
        start = time.perf_counter()
        losses = model(images, targets)
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
        values = {LOSSES[name]: float(value) for name, value in losses.items()}
        milliseconds = 1000 * (time.perf_counter() - start)
        peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps({"losses": values, "milliseconds": milliseconds, "positives": counts[-1], "residentBytes": peak}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
