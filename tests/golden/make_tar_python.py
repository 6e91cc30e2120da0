"""Writes tar.json: small archives made by Python's tarfile in its three formats, with long names, folders and links."""
import base64
import gzip
import io
import json
import os
import tarfile

LONG = "/".join(["a_folder_with_a_name_of_some_length"] * 6) + "/" + "n" * 120 + ".txt"
PREFIXED = "/".join(["some_folder_of_thirty_letters"] * 4) + "/file.txt"
FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def archive(kind):
    files = {"one.txt": b"first", "./dog/two.txt": b"x" * 600, PREFIXED: b"deep", "empty.txt": b""}
    if kind != "ustar":
        files[LONG] = b"long"
        files["d\u00fc/\u732b.txt"] = b"names beyond ASCII"
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=FORMATS[kind]) as tar:
        folder = tarfile.TarInfo("dog")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            info.mtime = 1.5 if kind == "pax" else 1  # a fraction needs a pax header
            tar.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo("link.txt")
        link.type = tarfile.SYMTYPE
        link.linkname = "../../etc/passwd"
        tar.addfile(link)
        last = tarfile.TarInfo("last.txt")
        last.size = 4
        tar.addfile(last, io.BytesIO(b"last"))
    return out.getvalue(), {**files, "last.txt": b"last"}


result = {}
for kind in FORMATS:
    content, files = archive(kind)
    names = {os.path.normpath(name): text.decode() for name, text in files.items()}
    result[kind] = {"gzip": base64.b64encode(gzip.compress(content, mtime=0)).decode(), "files": names}
with open(os.path.join(os.path.dirname(__file__), "tar.json"), "w") as file:
    json.dump(result, file, indent=1)
