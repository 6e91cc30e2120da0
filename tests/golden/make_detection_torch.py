"""Makes golden files of whole detectors, in the format of tests/golden/detection.json, from torchvision's own modules.

Run with Debian's python3-torchvision (0.14.1):
python3 tests/golden/make_detection_torch.py OUT.json [--seed N] [--kind KIND] [--like FILE.json]

Without --like it draws detectors by the seed: number of classes, depths, widths, image sizes, objects, thresholds, rules of
torchvision and of detectron2 (its differences are the functions named detectron2_*, from its published source). With --like
it computes the models of a file anew from their specs, targets and keys, in float64, and says on stderr how far the file's
numbers lie from it, and how far float32 of PyTorch does. Filling, images and notes: those of the format.

A detector is kept only if PyTorch's own float32, on all threads, on one and without oneDNN, makes the same choices (counts,
levels, classes) as its float64 and keeps the tolerances of the format's notes; what does not is said on stderr.
"""

import argparse
import copy
import json
import math
import random
import sys
from unittest import mock

import numpy
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models import resnet
from torchvision.models.detection import MaskRCNN, anchor_utils, backbone_utils, faster_rcnn, mask_rcnn, roi_heads, rpn
from torchvision.models.detection import _utils as matching
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import MultiScaleRoIAlign, batched_nms, boxes as box_ops, clip_boxes_to_image, misc, poolers
from torchvision.ops import roi_align


def uniform(count, j):
    """u(k, j) of the notes for k below count."""
    h = (numpy.arange(count, dtype=numpy.uint64) + 0x9E3779B9 * (j + 1)) & 0xFFFFFFFF
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B), (16, 1)):
        h = ((h ^ (h >> numpy.uint64(shift))) * numpy.uint64(factor)) & 0xFFFFFFFF
    return h.astype(numpy.float64) / 2**31 - 1


def fill(key, shape, j):
    count = int(numpy.prod(shape))
    if key.endswith(("running_mean", "num_batches_tracked")):
        values = numpy.zeros(count)
    elif key.endswith("running_var"):
        values = numpy.ones(count)
    elif len(shape) >= 2:
        small = 0.25 if any(part in key for part in ("box_predictor", "bbox_pred", "cls_logits")) else 1
        values = math.sqrt(6 / (count / shape[0])) * small * uniform(count, j)
    else:
        values = 0.05 * uniform(count, j) if key.endswith(".bias") else 1 + 0.1 * uniform(count, j)
    return torch.tensor(values).reshape(shape)


# Masks


def counts_text(mask):
    """COCO's string of a mask [H, W]."""
    flat = numpy.concatenate([[0], mask.astype(numpy.int8).T.ravel(), [2]])
    ends = numpy.flatnonzero(numpy.diff(flat)) if mask.size else numpy.array([0])
    runs = numpy.diff(numpy.concatenate([[0], ends])).tolist()
    if mask.size and mask.T.ravel()[0]:
        runs = [0] + runs[1:] if runs[0] == 0 else [0] + runs
    text = ""
    for i, run in enumerate(runs):
        x, more = run - (runs[i - 2] if i > 2 else 0), True
        while more:
            low, x = x & 31, x >> 5
            more = x != -1 if low & 16 else x != 0
            text += chr((low | 32 if more else low) + 48)
    return text


def mask_of(text, size):
    runs, at = [], 0
    while at < len(text):
        x, shift, more = 0, 0, True
        while more:
            c = ord(text[at]) - 48
            x |= (c & 31) << shift
            more, at, shift = bool(c & 32), at + 1, shift + 5
            if not more and c & 16:
                x |= -1 << shift
        runs.append(x + (runs[-2] if len(runs) > 2 else 0))
    flat = numpy.repeat(numpy.arange(len(runs)) % 2, runs)
    return flat.reshape(size[::-1]).T.astype(numpy.uint8)


# detectron2's rules


class Detectron2Anchors(anchor_utils.AnchorGenerator):
    """Not rounded; a step is the stride."""

    def generate_anchors(self, scales, aspect_ratios, dtype=None, device=torch.device("cpu")):
        ratios = torch.tensor(aspect_ratios, dtype=torch.float64)
        w = torch.tensor(scales, dtype=torch.float64)[:, None] / ratios.sqrt()[None]
        h = w * ratios[None]
        return torch.stack([-w, -h, w, h], dim=-1).reshape(-1, 4) / 2

    def grid_anchors(self, grid_sizes, strides):
        return super().grid_anchors(grid_sizes, [(torch.tensor(s), torch.tensor(s)) for s in self.strides])


class Detectron2Levels(poolers.LevelMapper):
    def __call__(self, boxlists):
        side = torch.sqrt(torch.cat([box_ops.box_area(each) for each in boxlists]))
        level = torch.floor(self.lvl0 + torch.log2(side / self.s0 + 1e-8))
        return (torch.clamp(level, self.k_min, self.k_max) - self.k_min).to(torch.int64)


class Detectron2Matcher(matching.Matcher):
    """Anchors of the largest overlap up to rounding, as notes on ties say."""

    def set_low_quality_matches_(self, matches, all_matches, quality):
        called = torch.where(quality >= quality.max(dim=1).values[:, None] - 1e-6)[1]
        matches[called] = all_matches[called]


class Proposals(rpn.RegionProposalNetwork):
    """torchvision's, whose labels are of the dtype of the boxes."""

    def assign_targets_to_anchors(self, anchors, targets):
        labels, boxes = super().assign_targets_to_anchors(anchors, targets)
        return [x.to(torch.get_default_dtype()) for x in labels], [x.to(torch.get_default_dtype()) for x in boxes]


class Detectron2Proposals(Proposals):
    """Ordered by logits; any side above 0; losses are divided by what might have been sampled; L1."""

    def filter_proposals(self, proposals, objectness, image_shapes, num_anchors_per_level):
        objectness = objectness.detach().reshape(proposals.shape[0], -1)
        best = self._get_top_n_idx(objectness, num_anchors_per_level)
        level = torch.cat([torch.full((n,), i) for i, n in enumerate(num_anchors_per_level)])
        found = []
        for i, shape in enumerate(image_shapes):
            boxes, logits, own = proposals[i][best[i]], objectness[i][best[i]], level[best[i]]
            boxes = clip_boxes_to_image(boxes, shape)
            large = ((boxes[:, 2:] - boxes[:, :2]) > 0).all(dim=1)
            boxes, logits, own = boxes[large], logits[large], own[large]
            kept = batched_nms(boxes, logits, own, self.nms_thresh)[: self.post_nms_top_n()]
            found.append((boxes[kept], logits[kept]))
        return [b for b, _ in found], [s for _, s in found]

    def compute_loss(self, objectness, deltas, labels, targets):
        labels, targets = torch.cat(labels), torch.cat(targets)
        used, positive = labels >= 0, labels > 0
        divisor = self.divisor
        box = F.l1_loss(deltas[positive], targets[positive], reduction="sum") / divisor
        terms = F.binary_cross_entropy_with_logits(objectness.flatten()[used], labels[used], reduction="sum")
        return terms / divisor, box


class Detectron2BoxPredictor(faster_rcnn.FastRCNNPredictor):
    """Background is the last class and has no box."""

    def __init__(self, width, classes):
        super().__init__(width, classes + 1)
        self.bbox_pred = nn.Linear(width, 4 * classes)

    def forward(self, x):
        scores, deltas = super().forward(x)
        return scores.roll(1, dims=1), F.pad(deltas, (4, 0))


class Detectron2MaskPredictor(mask_rcnn.MaskRCNNPredictor):
    def forward(self, x):
        return F.pad(super().forward(x), (0, 0, 0, 0, 1, 0))


def detectron2_box_loss(logits, deltas, labels, targets):
    labels, targets = torch.cat(labels), torch.cat(targets)
    positive = torch.where(labels > 0)[0]
    own = deltas.reshape(len(deltas), -1, 4)[positive, labels[positive]]
    return F.cross_entropy(logits, labels), F.l1_loss(own, targets[positive], reduction="sum") / labels.numel()


def detectron2_mask_targets(masks, boxes, matched, side):
    rois = torch.cat([matched.to(boxes)[:, None], boxes], dim=1)
    shares = roi_align(masks[:, None].to(boxes), rois, (side, side), 1.0, 0, True)[:, 0]
    return (shares >= 0.5).to(boxes)


def detectron2_paste(masks, boxes, size):
    """Sampled at the centres of pixels, 0 beyond the mask."""
    h, w = size
    along = lambda n, low, high: (torch.arange(n) + 0.5 - low[:, None]) / (high - low)[:, None] * 2 - 1
    x, y = along(w, boxes[:, 0], boxes[:, 2]), along(h, boxes[:, 1], boxes[:, 3])
    grid = torch.stack([x[:, None].expand(-1, h, -1), y[:, :, None].expand(-1, -1, w)], dim=3)
    return F.grid_sample(masks, grid, align_corners=False)[:, 0]


# A detector, run


def build(spec):
    """The model of a spec, in the default dtype."""
    is_ours, is_batch = spec["variant"] == "detectron2", spec["norm"] == "batch"
    norm = nn.BatchNorm2d if is_batch else misc.FrozenBatchNorm2d
    body = resnet.ResNet(resnet.BasicBlock, spec["depths"], norm_layer=norm)
    layers = {f"layer{i}": str(i - 1) for i in range(1, 5)}
    width, classes = spec["fpnChannels"], spec["classes"]
    backbone = backbone_utils.BackboneWithFPN(
        body, layers, [64, 128, 256, 512], width, norm_layer=nn.BatchNorm2d if is_batch else None)
    make = Detectron2Anchors if is_ours else anchor_utils.AnchorGenerator
    anchors = make(tuple((s,) for s in spec["anchorSizes"]), (tuple(spec["ratios"]),) * len(spec["anchorSizes"]))
    anchors.strides = spec["strides"]
    pool = lambda size: MultiScaleRoIAlign(
        ["0", "1", "2", "3"], size, spec["samplingRatio"], canonical_scale=spec["canonicalScale"])
    head_norm = nn.BatchNorm2d if is_batch else None
    fcs = spec["boxFcs"]
    box = faster_rcnn.TwoMLPHead(49 * width, fcs[0]) if not spec["boxConvs"] else faster_rcnn.FastRCNNConvFCHead(
        (width, 7, 7), spec["boxConvs"], fcs, norm_layer=head_norm)
    mask = mask_rcnn.MaskRCNNHeads(width, spec["maskConvs"], 1, norm_layer=head_norm)
    last = spec["maskConvs"][-1]
    predictors = (Detectron2BoxPredictor(fcs[-1], classes), Detectron2MaskPredictor(last, last, classes)) if is_ours else (
        faster_rcnn.FastRCNNPredictor(fcs[-1], classes + 1), mask_rcnn.MaskRCNNPredictor(last, last, classes + 1))
    model = MaskRCNN(
        backbone, rpn_anchor_generator=anchors, rpn_head=rpn.RPNHead(width, len(spec["ratios"])),
        rpn_pre_nms_top_n_train=spec["preNmsTopN"][0], rpn_pre_nms_top_n_test=spec["preNmsTopN"][1],
        rpn_post_nms_top_n_train=spec["postNmsTopN"][0], rpn_post_nms_top_n_test=spec["postNmsTopN"][1],
        rpn_nms_thresh=spec["rpnNms"], rpn_batch_size_per_image=spec["rpnBatchSizePerImage"],
        box_roi_pool=pool(7), box_head=box, box_predictor=predictors[0], box_score_thresh=spec["scoreThreshold"],
        box_nms_thresh=spec["boxNms"], box_detections_per_img=spec["detections"],
        box_batch_size_per_image=spec["roiBatchSizePerImage"], box_positive_fraction=0.5,
        mask_roi_pool=pool(14), mask_head=mask, mask_predictor=predictors[1])
    model.rpn.__class__ = Detectron2Proposals if is_ours else Proposals
    model.rpn.divisor = spec["rpnBatchSizePerImage"] * len(spec["imageSizes"])
    levels = (Detectron2Levels if is_ours else poolers.LevelMapper)(2, 5, spec["canonicalScale"])
    for each in (model.roi_heads.box_roi_pool, model.roi_heads.mask_roi_pool):
        each.scales, each.map_levels = [1 / s for s in spec["strides"][:4]], levels
    if is_ours:
        model.rpn.proposal_matcher.__class__ = Detectron2Matcher
    return model


def images_of(spec):
    sizes = [tuple(s) for s in spec["imageSizes"]]
    height, width = (max(s[i] + -s[i] % 32 for s in sizes) for i in range(2))
    canvas = numpy.zeros((len(sizes), 3, height, width))
    for i, (h, w) in enumerate(sizes):
        own = numpy.sin(0.0137 * numpy.arange(3 * h * w)) + 0.5 * uniform(3 * h * w, 999 + spec["fillOffset"] + 7 * i)
        canvas[i, :, :h, :w] = own.reshape(3, h, w)
    return ImageList(torch.tensor(canvas).to(torch.get_default_dtype()), sizes)


def targets_of(targets, sizes):
    return [{
        "boxes": torch.tensor(each["boxes"], dtype=torch.get_default_dtype()).reshape(-1, 4),
        "labels": torch.tensor(each["classes"], dtype=torch.int64) + 1,
        "masks": torch.tensor(numpy.array([mask_of(m["counts"], m["size"]) for m in each["masks"]])
                              if each["masks"] else numpy.zeros((0, *size), numpy.uint8)),
    } for each, size in zip(targets, sizes)]


def watched(module, name, seen):
    module.register_forward_hook(lambda _, __, out: seen.__setitem__(name, out))


class Run:
    """Passes of a model, and what is seen on the way."""

    def __init__(self, spec, targets, keys=None):
        self.spec, self.seen = spec, {}
        self.model = build(spec)
        own = self.model.state_dict()
        self.keys = keys or [[key, list(x.shape)] for key, x in own.items()]
        if [key for key, _ in self.keys] != list(own) or any(list(own[k].shape) != s for k, s in self.keys):
            raise SystemExit(f"keys differ: {[k for k in self.keys if k[0] not in own][:3]}")
        self.model.load_state_dict({key: fill(key, shape, spec["fillOffset"] + j) for j, (key, shape) in enumerate(self.keys)})
        self.images, self.targets = images_of(spec), targets_of(targets, [tuple(s) for s in spec["imageSizes"]])
        heads = self.model.roi_heads
        watched(self.model.rpn.head, "rpn", self.seen)
        watched(heads.box_head, "boxFeatures", self.seen)
        watched(heads.box_predictor.cls_score, "classLogits", self.seen)
        watched(heads.box_predictor.bbox_pred, "boxDeltas", self.seen)
        for owner, name in ((self.model.rpn, "filter_proposals"), (self.model.rpn, "assign_targets_to_anchors"),
                            (heads, "select_training_samples")):
            self.keep(owner, name)

    def keep(self, owner, name):
        inner = getattr(owner, name)

        def outer(*args):
            self.seen[name] = inner(*args)
            return self.seen[name]

        setattr(owner, name, outer)

    def step(self):
        """One pass; patched where detectron2 differs, for masks in both."""
        is_ours = self.spec["variant"] == "detectron2"
        project = detectron2_mask_targets if is_ours else roi_heads.project_masks_on_boxes
        shares = []

        def kept(*args):
            shares.append(project(*args))
            return shares[-1]

        aligned = lambda x, r, output_size, spatial_scale, sampling_ratio: roi_align(
            x, r, output_size, spatial_scale, sampling_ratio, self.spec["aligned"])
        patches = [mock.patch.object(roi_heads, "project_masks_on_boxes", kept), mock.patch.object(poolers, "roi_align", aligned)]
        if is_ours:
            everything = lambda boxes, min_size: torch.arange(len(boxes))
            patches += [mock.patch.object(roi_heads, "fastrcnn_loss", detectron2_box_loss),
                        mock.patch.object(roi_heads.box_ops, "remove_small_boxes", everything)]
        elif self.spec["beta"] != 1 / 9:
            raise SystemExit("torchvision's losses have a beta of 1/9")
        for patch in patches:
            patch.start()
        training = self.model.training
        features = self.model.backbone(self.images.tensors)
        targets = self.targets if training else None
        proposals, losses = self.model.rpn(self.images, features, targets)
        found, more = self.model.roi_heads(features, proposals, self.images.image_sizes, targets)
        for patch in patches:
            patch.stop()
        if training:
            self.seen["maskTargetMean"] = torch.cat(shares).mean()
        self.seen["fpn"] = list(features.values())
        return {**losses, **more}, found


def flat_rpn(seen):
    logits, deltas = seen["rpn"]
    spread = lambda xs, c: torch.cat([rpn.permute_and_flatten(x, x.shape[0], x.shape[1] // c, c, *x.shape[2:]) for x in xs], 1)
    return spread(logits, 1)[..., 0], spread(deltas, 4)


def digits(x, count=12):
    values = x.detach().double().tolist() if torch.is_tensor(x) else x
    short = lambda v: [short(e) for e in v] if isinstance(v, list) else float(f"{v:.{count}g}")
    return short(values)


def summary(x, samples=8):
    x = x.detach().double()
    at = sorted({round(i * (x.numel() - 1) / (samples - 1)) for i in range(samples)}) if x.numel() else []
    flat = x.reshape(-1)
    return {"shape": list(x.shape), **{name: digits(value) for name, value in (
        ("mean", flat.mean()), ("meanAbs", flat.abs().mean()), ("l2", flat.norm()))}, "at": at, "values": digits(flat[at])}


def detections_of(run, found):
    spec, variant = run.spec, run.spec["variant"]
    scores = F.softmax(run.seen["classLogits"], -1)
    front = scores[:, 1:] if variant == "torchvision" else scores[:, :-1]
    boxes, _ = run.seen["filter_proposals"]
    entries = []
    for i, (each, own) in enumerate(zip(found, front.split([len(b) for b in boxes]))):
        size, masks = run.images.image_sizes[i], each["masks"]
        paste = roi_heads.paste_masks_in_image if variant == "torchvision" else detectron2_paste
        soft = paste(masks, each["boxes"], size).reshape(len(masks), *size)
        hard = (soft >= 0.5).numpy()
        entries.append({
            "boxes": digits(each["boxes"]), "scores": digits(each["scores"]), "classes": (each["labels"] - 1).tolist(),
            "candidates": int((own > spec["scoreThreshold"]).sum()), "masks": summary(masks[:, 0], 16),
            "firstMask": digits(masks[0, 0, ::3, ::3], 9) if len(masks) else [],
            "pasted": [{"size": list(size), "counts": counts_text(m)} for m in hard[:4]],
            "pastedAreas": [int(m.sum()) for m in hard],
        })
    return entries


def trace(spec, targets, keys=None):
    """What a golden file expects of a detector, and the keys of its weights."""
    run = Run(spec, targets, keys)
    model, seen = run.model, run.seen
    model.train()
    losses, _ = run.step()
    total = sum(losses.values())
    total.backward()
    params = dict(model.named_parameters())
    logits, deltas = flat_rpn(seen)
    boxes, scores = seen["filter_proposals"]
    labels, _ = seen["assign_targets_to_anchors"]
    regions, _, classes, _ = seen["select_training_samples"]
    levels = model.roi_heads.box_roi_pool.map_levels(regions)
    shown = [b[:8] for b in boxes]
    own_logits = [s if spec["variant"] == "detectron2" else torch.logit(s) for s in scores]
    gradients = {key: x.grad for key, x in params.items() if x.grad is not None}
    expected = {
        "losses": {key: digits(x, 14) for key, x in losses.items()}, "total": digits(total, 16),
        "fpn": [summary(x) for x in seen["fpn"]], "rpnLogits": summary(logits), "rpnDeltas": summary(deltas),
        "rpnPositives": [int((x == 1).sum()) for x in labels], "rpnNegatives": [int((x == 0).sum()) for x in labels],
        "proposals": [digits(b, 10) for b in shown], "proposalLogits": [digits(s[:8], 10) for s in own_logits],
        "proposalCounts": [len(b) for b in boxes], "rois": len(torch.cat(regions)),
        "roiPositives": int((torch.cat(classes) > 0).sum()), "roiLevels": torch.bincount(levels, minlength=4).tolist(),
        "boxFeatures": summary(seen["boxFeatures"]), "classLogits": summary(seen["classLogits"]),
        "boxDeltas": summary(seen["boxDeltas"].reshape(len(seen["boxDeltas"]), -1, 4)),
        "maskTargetMean": digits(seen["maskTargetMean"]),
        "gradientL2": {key: digits(x.norm(), 11) for key, x in gradients.items()},
        "gradientSamples": {key: [at, digits(x.reshape(-1)[at], 9)] for key, x in list(gradients.items())[::4]
                            for at in [[0, x.numel() // 2, x.numel() - 1]]},
        "buffersL2": {key: digits(x.norm(), 11) for key, x in model.named_buffers() if "running_" in key},
    }
    model.eval()
    with torch.no_grad():
        _, found = run.step()
    eval_boxes, _ = seen["filter_proposals"]
    expected["evaluation"] = {
        "fpn": [summary(x) for x in seen["fpn"]], "proposalCounts": [len(b) for b in eval_boxes],
        "proposals": [digits(b[:4], 10) for b in eval_boxes], "detections": detections_of(run, found)}
    with torch.no_grad():
        for x in params.values():
            x -= 1e-3 * x.grad if x.grad is not None else 0
    model.train()
    after, _ = run.step()
    expected["lossesAfterStep"] = {key: digits(x) for key, x in after.items()}
    return expected, run.keys


def in_float32(work):
    torch.set_default_dtype(torch.float32)
    try:
        return work()
    finally:
        torch.set_default_dtype(torch.float64)


# Comparison


def leaves(tree, path=()):
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from leaves(value, (*path, key))
    elif isinstance(tree, list):
        for i, value in enumerate(tree):
            yield from leaves(value, (*path, i))
    else:
        yield path, tree


def at(tree, path):
    for step in path:
        tree = tree[step]
    return tree


def farthest(got, expected):
    """The largest error of each part, relative to the number or, of lists, to their mean size. Places in maps may differ."""
    known, worst = dict(leaves(got)), {}
    for path, value in leaves(expected):
        mine = known.get(path)
        if isinstance(value, str) or mine is None or path[-2:-1] == ("at",):
            continue
        if path[-2:-1] == ("values",) and at(got, path[:-2])["at"] != at(expected, path[:-2])["at"]:
            continue
        parent = at(expected, path[:-1])
        near = parent if isinstance(parent, list) or path[-1] == "mean" else [value]
        numbers = [abs(x) for _, x in leaves(near) if not isinstance(x, str)]
        scale = max(abs(value), sum(numbers) / len(numbers)) or 1
        error, name = abs(mine - value) / scale, path[0]
        if error >= worst.get(name, (0, None))[0]:
            worst[name] = (error, ".".join(map(str, path[1:])))
    return worst


CHOICES = ("rpnPositives", "rpnNegatives", "proposalCounts", "rois", "roiPositives", "roiLevels")


def same_choices(a, b):
    found = lambda e: [(d["classes"], d["candidates"]) for d in e["evaluation"]["detections"]]
    near = lambda x, y: len(x) == len(y) and numpy.allclose(x, y, atol=1e-2)
    boxes = lambda e: [d["boxes"] for d in e["evaluation"]["detections"]] + e["proposals"] + e["evaluation"]["proposals"]
    return all(a[c] == b[c] for c in CHOICES) and found(a) == found(b) and all(map(near, boxes(a), boxes(b)))


# Tolerances of the notes in float32


def over(got, expected, scale, tolerance):
    """Error as a share of what is allowed, the largest."""
    got, expected, scale = (numpy.asarray(x, dtype=numpy.float64) for x in (got, expected, scale))
    if got.shape != expected.shape:
        return math.inf
    allowed = numpy.broadcast_to(scale * tolerance, expected.shape)
    error = numpy.abs(got - expected)
    return float(numpy.max(numpy.where(error == 0, 0, error / numpy.maximum(allowed, 1e-300)), initial=0))


def over_summary(got, expected):
    """Of a map."""
    names = ("mean", "meanAbs", "l2")
    if got["shape"] != expected["shape"]:
        return math.inf
    scale = numpy.maximum(expected["meanAbs"], numpy.abs([expected["mean"], *expected["values"]]))
    numbers = lambda x: [x["mean"], *x["values"]]
    return max(over(numbers(got), numbers(expected), scale, 5e-4),
               *(over(got[n], expected[n], abs(expected[n]), 5e-4) for n in names[1:]))


def over_boxes(got, expected):
    boxes = numpy.asarray(expected, dtype=numpy.float64).reshape(-1, 4)
    sides = numpy.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])[:, None]
    return over(numpy.reshape(got, (-1, 4)), boxes, 1e-3 + 1e-4 * numpy.maximum(sides, numpy.abs(boxes)), 1)


def beyond(got, expected, sizes):
    """What a float32 trace exceeds of the notes' tolerances, each with how many times; `sizes` are of tensors by key."""
    losses = lambda part: over(list(got[part].values()), list(expected[part].values()), list(expected[part].values()), 1e-4)
    most = max(expected["gradientL2"].values())
    l2 = list(expected["gradientL2"].values())
    shares = {
        "loss": losses("losses"), "loss.after a step": losses("lossesAfterStep"),
        "gradientL2": over(list(got["gradientL2"].values()), l2, numpy.maximum(l2, 1e-4 * most), 5e-3),
        "gradientSamples": max(
            over(got["gradientSamples"][key][1], values,
                 numpy.maximum(expected["gradientL2"][key] / math.sqrt(sizes[key]), numpy.abs(values)), 2e-2)
            for key, (_, values) in expected["gradientSamples"].items()),
        "maskTargetMean": over(got["maskTargetMean"], expected["maskTargetMean"], expected["maskTargetMean"], 5e-4),
        "boxes.proposals": max(map(over_boxes, got["proposals"], expected["proposals"])),
        **{name: over_summary(got[name], expected[name])
           for name in ("rpnLogits", "rpnDeltas", "boxFeatures", "classLogits", "boxDeltas")},
        "fpn": max(map(over_summary, got["fpn"], expected["fpn"])),
    }
    for a, b in zip(got["evaluation"]["detections"], expected["evaluation"]["detections"]):
        own = {"boxes": over_boxes(a["boxes"], b["boxes"]), "scores": over(a["scores"], b["scores"], 1, 1e-4),
               "masks": over_summary(a["masks"], b["masks"]), "firstMask": over(a["firstMask"], b["firstMask"], 1, 1e-4)}
        shares.update({name: max(share, shares.get(name, 0)) for name, share in own.items()})
    return {name: share for name, share in shares.items() if not share <= 1}


def narrow_traces(spec, targets):
    """float32 of PyTorch in other orders of its sums: as it is, on one thread, without oneDNN."""
    threads = torch.get_num_threads()
    run = lambda: in_float32(lambda: trace(spec, targets)[0])
    yield run()
    torch.set_num_threads(1)
    yield run()
    with torch.backends.mkldnn.flags(enabled=False):
        yield run()
    torch.set_num_threads(threads)


# Drawn detectors


def scene(draw, size):
    """Ellipses, later ones over earlier ones; what is covered too far is left out."""
    h, w = size
    y, x = numpy.mgrid[0:h, 0:w] + 0.5
    entry = {"boxes": [], "classes": [], "masks": []}
    for _ in range(draw.randint(0, 6)):
        a, b = (draw.uniform(0.06, 0.3) * side for side in (w, h))
        u, v = draw.uniform(a / 2, w - a / 2), draw.uniform(b / 2, h - b / 2)
        mask = ((x - u) / a) ** 2 + ((y - v) / b) ** 2 <= 1
        if mask.sum() < 9:
            continue
        rows, columns = numpy.flatnonzero(mask.any(1)), numpy.flatnonzero(mask.any(0))
        entry["boxes"].append([float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)])
        entry["masks"].append({"size": [h, w], "counts": counts_text(mask)})
    return entry


def drawn(draw, variant, norm):
    depths = draw.choice([[1, 1, 1, 1], [2, 2, 2, 2], [1, 2, 1, 1], [3, 4, 6, 3]])
    width, classes = draw.choice([16, 24, 40]), draw.choice([1, 2, 5, 9])
    images = draw.randint(1, 3)
    sizes = [[draw.randint(16, 40) * 4, draw.randint(16, 40) * 4] for _ in range(images)]
    ratios = draw.choice([[0.5, 1.0, 2.0], [1.0], [0.4, 1.0, 2.5, 4.0]])
    cell = draw.choice([1.5, 2, 3])
    is_ours = variant == "detectron2"
    fcs = draw.choice([32, 56])
    spec = {
        "depths": depths, "fpnChannels": width, "strides": [4, 8, 16, 32, 64],
        "anchorSizes": [round(cell * s) for s in (4, 8, 16, 32, 64)], "ratios": ratios,
        "canonicalScale": draw.choice([20, 32, 48]), "classes": classes,
        "preNmsTopN": [draw.randint(40, 90), draw.randint(30, 60)], "postNmsTopN": [draw.randint(30, 60), draw.randint(15, 30)],
        "rpnNms": draw.choice([0.6, 0.7]), "boxNms": draw.choice([0.4, 0.5]),
        "scoreThreshold": draw.choice([0.05, 0.1]), "detections": draw.randint(6, 20),
        "rpnBatchSizePerImage": 16384, "roiBatchSizePerImage": 1024, "variant": variant, "beta": 0.0 if is_ours else 1 / 9,
        "samplingRatio": 0 if is_ours else 2, "aligned": is_ours, "norm": norm,
        "boxConvs": [draw.choice([8, 16])] * draw.randint(1, 3) if norm == "batch" else [],
        "boxFcs": [fcs] * draw.randint(1, 2) if norm == "batch" else [fcs, fcs],
        "maskConvs": [draw.choice([8, 16]) for _ in range(draw.randint(1, 3))],
        "imageSizes": sizes, "fillOffset": draw.randint(0, 10**6),
    }
    targets = [scene(draw, size) for size in sizes]
    for each in targets:
        each["classes"] = [draw.randrange(classes) for _ in each["boxes"]]
    return spec, targets


KINDS = [(variant, norm) for variant in ("torchvision", "detectron2") for norm in ("frozen", "batch")]


def seeds(seed, kinds):
    """
    A detector of each kind, drawn until PyTorch's own float32, in several orders of its sums, makes the choices of its float64
    and keeps the tolerances of the notes: of most with live norms some unit is so near the kink of its ReLU that it does not.
    """
    models = []
    for variant, norm in kinds:
        draw = random.Random(f"{variant} {norm} {seed}")
        narrow = None
        while narrow is None:
            spec, targets = drawn(draw, variant, norm)
            if not any(each["boxes"] for each in targets):
                continue
            expected, keys = trace(spec, targets)
            if not all(map(math.isfinite, expected["losses"].values())) or expected["roiPositives"] == 0:
                continue
            if not all(d["classes"] for d in expected["evaluation"]["detections"]):
                continue
            narrow = kept(f"{variant} {norm}", (spec, targets), expected, keys)
        say(f"{variant}-{norm}-{seed}", farthest(narrow, expected), "PyTorch's float32")
        errors = farthest({"losses": narrow["losses"]}, {"losses": expected["losses"]})
        models.append({"name": f"{variant}-{norm}-{seed}", "spec": spec, "targets": targets, "keys": keys,
                       "expected": {**expected, "float32Error": errors["losses"][0]}})
    return models


def kept(name, case, expected, keys):
    """The first float32 trace of a case that all of them keep; None where one does not."""
    first, sizes = None, {key: math.prod(shape) for key, shape in keys}
    for narrow in narrow_traces(*case):
        if not same_choices(expected, narrow):
            print(f"{name}: float32 chooses otherwise, drawn again", file=sys.stderr)
            return None
        exceeded = beyond(narrow, expected, sizes)
        if exceeded:
            many = ", ".join(f"{part} {share:.1f} times" for part, share in exceeded.items())
            print(f"{name}: PyTorch's float32 exceeds the tolerance, drawn again: {many}", file=sys.stderr)
            return None
        first = first or narrow
    return first


def say(name, worst, who):
    parts = ", ".join(f"{part} {error:.1e}" + (f" ({where})" if where else "") for part, (error, where) in sorted(worst.items()))
    print(f"{name}, {who}: {parts}", file=sys.stderr)


def alike(models):
    made = []
    for model in models:
        spec, targets, keys = model["spec"], model["targets"], model["keys"]
        expected, _ = trace(spec, targets, keys)
        say(model["name"], farthest(expected, model["expected"]), "float64 against the file")
        narrow, _ = in_float32(lambda: trace(spec, targets, keys))
        say(model["name"], farthest(narrow, expected), "float32 against float64")
        with torch.backends.mkldnn.flags(enabled=False):
            plain, _ = in_float32(lambda: trace(spec, targets, keys))
        say(model["name"], farthest(plain, expected), "float32 without oneDNN against float64")
        made.append({**copy.deepcopy(model), "expected": expected})
    return made


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", choices=[f"{variant}-{norm}" for variant, norm in KINDS], help="one of the four alone")
    parser.add_argument("--like")
    options = parser.parse_args()
    torch.set_default_dtype(torch.float64)
    if options.like:
        with open(options.like) as file:
            models = alike(json.load(file)["models"])
    else:
        models = seeds(options.seed, [kind for kind in KINDS if options.kind in (None, "-".join(kind))])
    notes = {"source": "torchvision 0.14.1, float64, by tests/golden/make_detection_torch.py"}
    with open(options.out, "w") as file:
        json.dump({"notes": notes, "models": models}, file)


if __name__ == "__main__":
    main()
