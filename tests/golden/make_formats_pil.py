"""Writes formats_pil.json: small files of further image formats as base64, and what Pillow, pydicom and nibabel read.

Run with Pillow 12.3, numpy, pydicom 3.0, nibabel 5.4: python3 tests/golden/make_formats_pil.py
`rgb` is the CRC-32 of the 8-bit colours of Pillow; `values` of the values themselves, as little-endian 16-bit numbers or
floats; `absent` of either where there is no such truth.
"""

import base64
import gzip
import io
import json
import os
import zlib

import nibabel
import numpy as np
import PIL
import pydicom
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset

SIZE = (29, 21)
WIDTH, HEIGHT = SIZE


def picture(shift=0):
    data = bytes(
        (v + shift) & 255 for y in range(HEIGHT) for x in range(WIDTH) for v in (x * 8, y * 12, 255 - x * 4 - y * 4, (x * y) | 64)
    )
    return Image.frombytes("RGBA", SIZE, data)


RGBA = picture()
RGB = RGBA.convert("RGB")
GREY16 = (np.arange(WIDTH * HEIGHT).reshape(HEIGHT, WIDTH) * 107 % 65536).astype(np.uint16)


def saved(image, format, **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def ycck():
    """A JPEG with Adobe's transform 2: Pillow writes CMYK with transform 0, so the marker is changed."""
    data = bytearray(saved(RGB.convert("CMYK"), "JPEG", quality=90, subsampling=0))
    at = data.index(b"Adobe")
    data[at + 11] = 2
    return bytes(data)


def without_adobe():
    data = saved(RGB.convert("CMYK"), "JPEG", quality=90)
    at = data.index(b"\xff\xee")
    return data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]


def png16(channels):
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    values = np.stack([(GREY16.astype(np.uint32) * (c + 1) % 65536).astype(np.uint16) for c in range(channels)], -1)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values.reshape(HEIGHT, -1))

    def chunk(name, content):
        return len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")

    head = WIDTH.to_bytes(4, "big") + HEIGHT.to_bytes(4, "big") + bytes([16, colour, 0, 0, 0])
    file = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return file, values


def dicom(values, syntax, **fields):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    meta.TransferSyntaxUID = syntax
    data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    data.PatientName = "Nobody"
    item = pydicom.Dataset()
    item.CodeValue = "x"
    data.AnatomicRegionSequence = pydicom.Sequence([item])
    data.Rows, data.Columns = HEIGHT, WIDTH
    data.SamplesPerPixel = 3 if values.ndim == 3 else 1
    data.PhotometricInterpretation = "RGB" if values.ndim == 3 else "MONOCHROME2"
    bits = values.dtype.itemsize * 8
    data.BitsAllocated, data.BitsStored, data.HighBit = bits, fields.pop("stored", bits), bits - 1
    data.PixelRepresentation = int(values.dtype.kind == "i")
    for name, value in fields.items():
        setattr(data, name, value)
    data.PixelData = values.astype(values.dtype.newbyteorder(">" if syntax.endswith("2.2") else "<")).tobytes()
    file = io.BytesIO()
    endian = dict(implicit_vr=syntax == "1.2.840.10008.1.2", little_endian=not syntax.endswith("2.2"))
    pydicom.dcmwrite(file, data, enforce_file_format=False, **endian)
    return file.getvalue()


def nifti(values, kind=nibabel.Nifti1Image, slope=None, packed=False, order="<"):
    image = kind(values, np.eye(4), header=kind.header_class(endianness=order))
    image.header.set_data_dtype(values.dtype)
    if slope:
        image.header.set_slope_inter(*slope)
    return gzip.compress(image.to_bytes(), mtime=0) if packed else image.to_bytes()


def crc(array):
    return zlib.crc32(np.ascontiguousarray(array).tobytes())


def main():
    frames = [picture(40 * i) for i in range(3)]
    palette = RGB.quantize(16)
    files = {
        "ycck.jpg": ycck(),
        "cmyk_plain.jpg": without_adobe(),
        "cmyk_420.jpg": saved(RGB.convert("CMYK"), "JPEG", quality=80, subsampling=2),
        "animated_lossy.webp": saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], quality=80),
        "animated_lossless.webp": saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True, exact=True),
        "animated_rgb.webp": saved(RGB, "WEBP", save_all=True, append_images=[frames[1].convert("RGB")], quality=70),
        "rgb.bmp": saved(RGB, "BMP"),
        "grey.bmp": saved(RGB.convert("L"), "BMP"),
        "palette.bmp": saved(palette, "BMP"),
        "one_bit.bmp": saved(RGB.convert("1"), "BMP"),
        "palette.gif": saved(palette, "GIF"),
        "interlaced.gif": saved(RGB.quantize(200), "GIF", interlace=1),
        "animated.gif": saved(RGB.quantize(64), "GIF", save_all=True, append_images=[f.convert("RGB") for f in frames]),
        "rgb.tif": saved(RGB, "TIFF"),
        "lzw.tif": saved(RGB, "TIFF", compression="tiff_lzw"),
        "deflate.tif": saved(RGB, "TIFF", compression="tiff_adobe_deflate"),
        "differences.tif": saved(RGB, "TIFF", compression="tiff_lzw", tiffinfo={317: 2}),
        "runs.tif": saved(RGB, "TIFF", compression="packbits"),
        "inks.tif": saved(RGB.convert("CMYK"), "TIFF", compression="tiff_lzw"),
        "grey.tif": saved(RGB.convert("L"), "TIFF"),
        "one_bit.tif": saved(RGB.convert("1"), "TIFF"),
        "palette.tif": saved(palette, "TIFF"),
        "pages.tif": saved(RGB, "TIFF", save_all=True, append_images=[frames[1].convert("RGB")]),
        "lossy.avif": saved(RGB, "AVIF", quality=90, subsampling="4:4:4"),
        "rgb.ppm": saved(RGB, "PPM"),
        "grey.pgm": saved(RGB.convert("L"), "PPM"),
        "one_bit.pbm": saved(RGB.convert("1"), "PPM"),
    }
    rows = []
    for name, file in files.items():
        decoded = np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))
        row = dict(name=name, rgb=crc(decoded), file=base64.b64encode(file).decode())
        if name.endswith(".avif"):
            row["pixels"] = base64.b64encode(decoded.tobytes()).decode()
        rows.append(row)
    deep = [("grey16.tif", saved(Image.fromarray(GREY16), "TIFF"), GREY16), ("float.tif", saved(Image.fromarray(GREY16.astype(np.float32)), "TIFF"), GREY16.astype(np.float32))]
    deep += [(f"deep_{c}.png",) + png16(c) for c in (1, 2, 3, 4)]
    signed = (GREY16.astype(np.int32) - 30000).astype(np.int16)
    tilt = dict(RescaleSlope="2", RescaleIntercept="-1000")
    explicit, implicit, big = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
    ct = signed.astype(np.float32) * 2 - 1000
    colours = np.asarray(RGB)
    deep += [
        ("explicit.dcm", dicom(signed, explicit, **tilt), ct),
        ("implicit.dcm", dicom(signed, implicit, **tilt), ct),
        ("big.dcm", dicom(signed, big, **tilt), ct),
        ("twelve_bits.dcm", dicom(GREY16 % 4096, explicit, stored=12), (GREY16 % 4096).astype(np.float32)),
        ("rgb.dcm", dicom(colours, explicit, PlanarConfiguration=0), colours),
        ("planes.dcm", dicom(np.moveaxis(colours, -1, 0), explicit, PlanarConfiguration=1), colours),
    ]
    volume = np.stack([GREY16.T.astype(np.int16) + k for k in range(5)], -1)
    middle = volume[:, :, 2].T.astype(np.float32)
    deep += [
        ("volume.nii", nifti(volume), middle),
        ("volume.nii.gz", nifti(volume, packed=True), middle),
        ("version2.nii", nifti(volume, nibabel.Nifti2Image), middle),
        ("big.nii", nifti(volume, order=">"), middle),
        ("float.nii", nifti(volume.astype(np.float32)[:, :, :3]), volume[:, :, 1].T.astype(np.float32)),
    ]
    for name, file, values in deep:
        rows.append(dict(name=name, values=crc(values), channels=values.shape[2] if values.ndim == 3 else 1, file=base64.b64encode(file).decode()))
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "formats_pil.json")
    with open(path, "w") as out:
        lines = ",\n".join("    " + json.dumps(row) for row in rows)
        out.write('{\n  "pillow": "%s",\n  "size": %s,\n  "images": [\n%s\n  ]\n}\n' % (PIL.__version__, list(SIZE), lines))


main()
