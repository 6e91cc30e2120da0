"""Writes augment_pil.json: checksums and first pixels of torchvision's augmentation operations on Pillow images.

Run with Debian's python3-torchvision (0.14.1) and python3-pil (9.4.0): python3 tests/golden/make_augment_pil.py
The image is that of make_resample_pil.py; `narrow` halves its values and adds 40, so that contrast can be spread.
"""

import json
import os
import zlib

import PIL
import torchvision
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms.autoaugment import RandAugment, TrivialAugmentWide, _apply_op

STRENGTHS = {
    "Identity": [0.0],
    "ShearX": [0.3, -0.99, 0.01],
    "ShearY": [0.3, -0.99],
    "TranslateX": [5.9, -12.0, 32.0],
    "TranslateY": [5.9, -3.2],
    "Rotate": [30.0, -135.0, 4.5, 90.0, 180.0, -90.0],
    "Brightness": [0.5, -0.99, 0.033, -0.3],
    "Color": [0.5, -0.99, 0.033],
    "Contrast": [0.5, -0.99, 0.033],
    "Sharpness": [0.5, -0.99, 0.9],
    "Posterize": [8, 5, 2],
    "Solarize": [255.0, 127.5, 0.0],
    "AutoContrast": [0.0],
    "Equalize": [0.0],
}


def synthetic(width, height):
    data = bytes(
        (x * x * (3 + c) + y * (7 * c + 5) + ((x * y * (c + 1)) >> 3) * 31) & 255
        for y in range(height)
        for x in range(width)
        for c in range(3)
    )
    return Image.frombytes("RGB", (width, height), data)


def spaces():
    """Strengths of every step, by operation, for images of 40 columns and 24 rows."""
    wide = TrivialAugmentWide()._augmentation_space(31)
    rand = RandAugment()._augmentation_space(31, (24, 40))
    plain = lambda space: {name: [m.flatten().tolist(), signed] for name, (m, signed) in space.items()}
    return {"trivial": plain(wide), "rand": plain(rand)}


def main():
    cases = []
    for size in ((37, 23), (32, 32)):
        for narrow in (False, True):
            image = synthetic(*size)
            if narrow:
                image = image.point(lambda v: v // 2 + 40)
            for name, strengths in STRENGTHS.items():
                for strength in strengths:
                    data = _apply_op(image, name, strength, InterpolationMode.BICUBIC, None).tobytes()
                    cases.append(
                        dict(size=size, narrow=narrow, name=name, strength=strength, crc32=zlib.crc32(data), head=list(data[300:312]))
                    )
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "augment_pil.json")
    with open(path, "w") as file:
        lines = ",\n".join("    " + json.dumps(case) for case in cases)
        file.write(
            '{\n  "pillow": "%s",\n  "torchvision": "%s",\n  "spaces": %s,\n  "cases": [\n%s\n  ]\n}\n'
            % (PIL.__version__, torchvision.__version__, json.dumps(spaces()), lines)
        )


main()
