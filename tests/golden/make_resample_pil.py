"""Writes resample_pil.json: checksums and first pixels of Pillow resizes of a synthetic image.

Run with Debian's python3-pil (Pillow 9.4.0): python3 tests/golden/make_resample_pil.py
The image of size (w, h): value of row y, column x, channel c = (x*x*(3+c) + y*(7*c+5) + ((x*y*(c+1)) >> 3) * 31) & 255.
"""

import json
import os
import zlib

import PIL
from PIL import Image

FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS}
CASES = [
    ((37, 23), (16, 16), None),
    ((37, 23), (64, 50), None),
    ((37, 23), (37, 10), None),
    ((37, 23), (9, 23), None),
    ((37, 23), (1, 1), None),
    ((1, 1), (5, 4), None),
    ((2, 3), (3, 2), None),
    ((256, 171), (96, 96), None),
    ((256, 171), (96, 96), (11, 7, 200, 170)),
    ((256, 171), (224, 224), (30, 20, 61, 70)),
    ((256, 171), (40, 30), (0.5, 1.25, 250.7, 160.1)),
    ((500, 375), (224, 224), None),
    ((500, 375), (7, 301), (100, 0, 500, 375)),
    ((64, 64), (64, 64), (0, 0, 64, 63)),
]


def synthetic(width, height):
    data = bytes(
        (x * x * (3 + c) + y * (7 * c + 5) + ((x * y * (c + 1)) >> 3) * 31) & 255
        for y in range(height)
        for x in range(width)
        for c in range(3)
    )
    return Image.frombytes("RGB", (width, height), data)


def main():
    cases = []
    for source, size, box in CASES:
        for name, code in FILTERS.items():
            data = synthetic(*source).resize(size, code, box=box).tobytes()
            cases.append(dict(source=source, size=size, box=box, filter=name, crc32=zlib.crc32(data), head=list(data[:12])))
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "resample_pil.json")
    with open(path, "w") as file:
        lines = ",\n".join("    " + json.dumps(case) for case in cases)
        file.write('{\n  "pillow": "%s",\n  "cases": [\n%s\n  ]\n}\n' % (PIL.__version__, lines))


main()
