"""PyTorch's half of the exchange of detectors in `deno task interop`. Needs torch, torchvision, numpy and Pillow.

train DIR DATA   trains torchvision's maskrcnn_resnet50_fpn for 100 steps on the COCO set in DATA, saves its weights, five images
                 and what it finds in them
check DIR        loads what the other half wrote, strictly, and saves what it finds in the same images
"""

import json
import os
import sys

import numpy as np
import torch
import torchvision
from PIL import Image, ImageDraw

STEPS, SHORT, LONGEST, IMAGES = 100, 128, 224, 5
CLASSES = 91  # ids of COCO's categories, and background
SIZES = {"box_batch_size_per_image": 64, "rpn_batch_size_per_image": 64, "rpn_pre_nms_top_n_train": 200, "rpn_post_nms_top_n_train": 100}


def build():
    torch.manual_seed(0)
    return torchvision.models.detection.maskrcnn_resnet50_fpn(
        weights=None, weights_backbone=None, num_classes=CLASSES, min_size=SHORT, max_size=LONGEST,
        box_score_thresh=0.0, box_detections_per_img=30, **SIZES)


def resized(path):
    """Short side SHORT, long side at most LONGEST: the network's own resizing then changes nothing."""
    image = Image.open(path).convert("RGB")
    scale = min(SHORT / min(image.size), LONGEST / max(image.size))
    size = tuple(max(1, int(side * scale)) for side in image.size)
    return image.resize(size, Image.BILINEAR), scale


def scaled_to_itself(image):
    """The size at which the network does not resize: its short side is what the network asks for."""
    height, width = image.shape[1:]
    return min(height, width), max(height, width)


def target_of(annotations, scale, size):
    boxes, labels, masks = [], [], []
    for each in annotations:
        x, y, w, h = each["bbox"]
        box = [x * scale, y * scale, min((x + w) * scale, size[0]), min((y + h) * scale, size[1])]
        if each["iscrowd"] or box[2] - box[0] < 1 or box[3] - box[1] < 1:
            continue
        mask = Image.new("L", size)
        for polygon in each["segmentation"]:
            ImageDraw.Draw(mask).polygon([value * scale for value in polygon], fill=1)
        boxes.append(box)
        labels.append(each["category_id"])
        masks.append(np.asarray(mask))
    if not boxes:
        return None
    return {
        "boxes": torch.tensor(boxes, dtype=torch.float32),
        "labels": torch.tensor(labels),
        "masks": torch.from_numpy(np.stack(masks)),
    }


def samples(data, part):
    """Images of a part with their objects, those that have any."""
    with open(os.path.join(data, f"instances_{part}.json")) as file:
        coco = json.load(file)
    for image in coco["images"]:
        picture, scale = resized(os.path.join(data, "images", image["file_name"]))
        own = [each for each in coco["annotations"] if each["image_id"] == image["id"]]
        target = target_of(own, scale, picture.size)
        if target:
            yield torch.from_numpy(np.array(picture)).permute(2, 0, 1) / 255, target


@torch.no_grad()
def detections(model, image):
    """What is found, with masks as the head gives them; the image must not be resized on its way."""
    model.eval()
    model.transform.min_size, model.transform.max_size = (scaled_to_itself(image)[0],), scaled_to_itself(image)[1]
    batch, _ = model.transform([image])
    assert tuple(batch.image_sizes[0]) == tuple(image.shape[1:]), "the image was resized"
    features = model.backbone(batch.tensors)
    proposals, _ = model.rpn(batch, features)
    (found,), _ = model.roi_heads(features, proposals, batch.image_sizes)
    return {name: value.numpy() for name, value in found.items()}


def save_detections(model, folder, prefix, images):
    for i, image in enumerate(images):
        np.savez(os.path.join(folder, f"{prefix}_{i}.npz"), **detections(model, image))


def train(folder, data):
    torch.manual_seed(1)
    model = build()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.005, momentum=0.9)
    all_samples = list(samples(data, "train"))
    model.train()
    for step in range(STEPS):
        image, target = all_samples[step % len(all_samples)]
        losses = model([image], [target])
        loss = sum(losses.values())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        assert torch.isfinite(loss), f"loss of step {step} is {loss}"
    torch.save(model.state_dict(), os.path.join(folder, "torch_detector.pth"))
    images = [image for image, _ in samples(data, "val")][:IMAGES]
    for i, image in enumerate(images):
        np.savez(os.path.join(folder, f"image_{i}.npz"), x=image.permute(1, 2, 0).contiguous().numpy())
    save_detections(model, folder, "torch_found", images)
    print(json.dumps({"images": len(images), "loss": float(loss)}))


def check(folder):
    model = build()
    model.load_state_dict(torch.load(os.path.join(folder, "ours_detector.pth")), strict=True)
    images = [torch.from_numpy(np.load(os.path.join(folder, f"image_{i}.npz"))["x"]).permute(2, 0, 1) for i in range(IMAGES)]
    save_detections(model, folder, "back_found", images)
    print(json.dumps({"images": len(images)}))


if __name__ == "__main__":
    {"train": train, "check": check}[sys.argv[1]](*sys.argv[2:])
