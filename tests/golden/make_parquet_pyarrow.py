"""Writes parquet_pyarrow.json: small Parquet files with images as Hugging Face's datasets write them, as base64.

Run with pyarrow 25.0 and Pillow 12.3: python3 tests/golden/make_parquet_pyarrow.py
"""

import base64
import io
import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image


def png(i):
    file = io.BytesIO()
    Image.new("RGB", (12, 10), (i * 20 % 256, 100, 50)).save(file, "PNG")
    return file.getvalue()


def table(rows, labels, names=None, **columns):
    images = pa.array([{"bytes": png(i), "path": f"{i}.png"} for i in range(rows)], pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    columns = {"image": images, **({"label": labels} if labels is not None else {}), **columns}
    made = pa.table(columns)
    features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
    return made.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})}) if names else made


def written(made, **options):
    file = io.BytesIO()
    pq.write_table(made, file, row_group_size=3, **options)
    return base64.b64encode(file.getvalue()).decode()


def main():
    numbers = lambda rows: pa.array([i % 2 for i in range(rows)], pa.int64())
    pets = ["cat", "dog"]
    files = {
        "snappy": written(table(7, numbers(7), pets)),
        "zstd": written(table(4, numbers(4), pets), compression="zstd", write_page_index=True),
        "gzip": written(table(4, numbers(4)), compression="gzip"),
        "none": written(table(4, pa.array(["dog", "cat", "dog", "cat"])), compression="none", use_dictionary=False),
        "plain": written(pa.table({"id": pa.array([1, 2]), "jpg": pa.array([png(1), png(2)], pa.binary()), "cls": pa.array([1, 0], pa.int32())})),
        "unlabelled": written(table(3, pa.array([-1, -1, -1], pa.int64()), pets)),
        "null": written(pa.table({"image": pa.array([png(1), None], pa.binary())})),
        "text": written(pa.table({"text": pa.array(["a", "b"]), "score": pa.array([0.5, 1.5])})),
    }
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "parquet_pyarrow.json")
    with open(path, "w") as out:
        json.dump(files, out, indent=1)
        out.write("\n")


main()
