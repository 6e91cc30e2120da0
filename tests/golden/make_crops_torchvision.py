"""Writes crops_torchvision.json: how torchvision draws random resized crops, and what it makes of given ones.

Run with Debian's python3-torchvision (0.14.1): python3 tests/golden/make_crops_torchvision.py

`draws`: for sizes and settings, histograms over COUNT crops of RandomResizedCrop.get_params: share of the area, logarithm
of the aspect, left and top as shares of the room that is left (crops without room are not counted), in BINS equal bins
between `low` and `high`. `flips`: how many of COUNT RandomHorizontalFlip mirrors.
`pixels`: resized_crop (bicubic, as in SparK), hflip, ToTensor and Normalize on the synthetic image of
make_resample_pil.py: CRC-32 of the float32 values [H, W, 3], and the first of them.
"""

import json
import math
import os
import zlib

import numpy
import torch
import torchvision
from PIL import Image
from torchvision import transforms
from torchvision.transforms import functional

from make_resample_pil import synthetic

COUNT = 20000
BINS = 20
DRAWS = [
    ((400, 300), (0.67, 1.0), (3 / 4, 4 / 3)),
    ((224, 224), (0.67, 1.0), (3 / 4, 4 / 3)),
    ((500, 375), (0.08, 1.0), (3 / 4, 4 / 3)),
    ((128, 608), (0.3, 0.5), (1 / 5, 1 / 3)),
    ((300, 40), (0.67, 1.0), (3 / 4, 4 / 3)),
]
PIXELS = [
    ((256, 171), (7, 11, 150, 200), (96, 96), False),
    ((256, 171), (0, 3, 171, 160), (224, 224), True),
    ((500, 375), (10, 20, 300, 400), (224, 192), True),
    ((37, 23), (0, 0, 23, 37), (32, 32), False),
]


def histogram(values, low, high):
    bins = numpy.clip(numpy.floor((values - low) / (high - low) * BINS), 0, BINS - 1).astype(int)
    return dict(low=low, high=high, counts=numpy.bincount(bins, minlength=BINS).tolist())


def draws(size, scale, ratio):
    width, height = size
    image = Image.new("RGB", size)
    torch.manual_seed(0)
    crops = [transforms.RandomResizedCrop.get_params(image, scale, ratio) for _ in range(COUNT)]
    top, left, h, w = numpy.array(crops).T.astype(float)
    across, down = width - w > 0, height - h > 0
    return dict(
        size=size,
        scale=scale,
        ratio=ratio,
        area=histogram(w * h / (width * height), scale[0] - 0.02, scale[1] + 0.02),
        aspect=histogram(numpy.log(w / h), math.log(ratio[0]) - 0.01, math.log(ratio[1]) + 0.01),
        left=histogram((left / numpy.maximum(width - w, 1))[across], 0, 1),
        top=histogram((top / numpy.maximum(height - h, 1))[down], 0, 1),
    )


def pixels(source, rectangle, size, flip):
    top, left, height, width = rectangle
    image = functional.resized_crop(
        synthetic(*source), top, left, height, width, size, transforms.InterpolationMode.BICUBIC
    )
    if flip:
        image = functional.hflip(image)
    values = functional.normalize(functional.to_tensor(image), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    data = values.permute(1, 2, 0).contiguous().numpy().astype("<f4")
    return dict(
        source=source,
        rectangle=dict(left=left, top=top, width=width, height=height),
        size=size,
        flip=flip,
        crc32=zlib.crc32(data.tobytes()),
        head=[float(x) for x in data.reshape(-1)[:6]],
    )


def main():
    torch.manual_seed(1)
    flip = transforms.RandomHorizontalFlip()
    image = synthetic(2, 1)
    flips = sum(flip(image).tobytes() != image.tobytes() for _ in range(COUNT))
    result = dict(
        torchvision=torchvision.__version__,
        count=COUNT,
        draws=[draws(*case) for case in DRAWS],
        flips=flips,
        pixels=[pixels(*case) for case in PIXELS],
    )
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "crops_torchvision.json")
    with open(path, "w") as file:
        json.dump(result, file)
        file.write("\n")


if __name__ == "__main__":
    main()
