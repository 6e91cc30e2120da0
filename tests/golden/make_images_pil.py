"""Writes images_pil.json: small JPEG, PNG and WebP files as base64, and what Pillow decodes them to.

Run with Debian's python3-pil (Pillow 9.4.0): python3 tests/golden/make_images_pil.py
"""

import base64
import io
import json
import os
import zlib

import PIL
from PIL import Image

SIZE = (29, 21)


def picture():
    width, height = SIZE
    data = bytes(
        v & 255 for y in range(height) for x in range(width) for v in (x * 8, y * 12, 255 - x * 4 - y * 4, (x * y) | 64)
    )
    return Image.frombytes("RGBA", SIZE, data)


def main():
    rgba = picture()
    rgb = rgba.convert("RGB")
    variants = {
        "rgb.jpg": (rgb, dict(quality=90)),
        "rgb_444.jpg": (rgb, dict(quality=75, subsampling=0)),
        "progressive.jpg": (rgb, dict(quality=80, progressive=True)),
        "rotated_by_exif.jpg": (rgb, dict(quality=80, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0")),
        "grey.jpg": (rgb.convert("L"), dict(quality=90)),
        "cmyk.jpg": (rgb.convert("CMYK"), dict(quality=90)),
        "rgb.png": (rgb, {}),
        "rgba.png": (rgba, {}),
        "grey.png": (rgb.convert("L"), {}),
        "grey_alpha.png": (rgba.convert("LA"), {}),
        "palette.png": (rgb.convert("P"), {}),
        "one_bit.png": (rgb.convert("1"), {}),
        "lossy.webp": (rgb, dict(quality=80)),
        "lossless.webp": (rgb, dict(lossless=True)),
        "lossy_alpha.webp": (rgba, dict(quality=80)),
        "lossless_alpha.webp": (rgba, dict(lossless=True, exact=True)),
    }
    rows = []
    for name, (image, options) in variants.items():
        file = io.BytesIO()
        image.save(file, {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}[name.split(".")[1]], **options)
        decoded = Image.open(io.BytesIO(file.getvalue())).convert("RGB").tobytes()
        rows.append(dict(name=name, crc32=zlib.crc32(decoded), file=base64.b64encode(file.getvalue()).decode()))
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "images_pil.json")
    with open(path, "w") as out:
        lines = ",\n".join("    " + json.dumps(row) for row in rows)
        out.write('{\n  "pillow": "%s",\n  "size": %s,\n  "images": [\n%s\n  ]\n}\n' % (PIL.__version__, list(SIZE), lines))


main()
