"""Writes files/: small files of PyTorch and NumPy, which the readers must understand, and some that they must refuse.

Run with Debian's python3-torch (1.13) and numpy: /usr/bin/python3 tests/golden/make_pth_torch.py
"""

import collections
import os
import pickle

import numpy as np
import torch

FOLDER = os.path.join(os.path.dirname(__file__), "files")
os.makedirs(FOLDER, exist_ok=True)


def path(name):
    return os.path.join(FOLDER, name)


x = torch.arange(24.0).reshape(2, 3, 4)
state = collections.OrderedDict(
    plain=x,
    transposed=x.permute(2, 0, 1),
    strided=x[1, :, ::2],
    offset=x[1, 2],
    expanded=torch.tensor([7.0]).expand(3),
    half=torch.tensor([1.0, -0.5, 65504.0, 6e-8]).half(),
    brain=torch.tensor([1.0, -0.5, 1e30]).bfloat16(),
    double=torch.tensor([0.1], dtype=torch.float64),
    count=torch.tensor(2**40),
    short=torch.tensor([-3], dtype=torch.int16),
    bool=torch.tensor([True, False]),
    bytes=torch.tensor([200], dtype=torch.uint8),
    empty=torch.zeros(0, 3),
    parameter=torch.nn.Parameter(torch.tensor([[1.5]])),
)
state._metadata = {"": {"version": 1}}
whole = {"module": state, "epoch": 3, "args": "x", "betas": (0.9, 0.95), "list": [1, None, True, -70000, 2**40, 2**70]}
torch.save(whole, path("values.pth"))
torch.save(whole, path("values_legacy.pth"), _use_new_zipfile_serialization=False)


class Call:
    def __init__(self, function, *args):
        self.parts = function, args

    def __reduce__(self):
        return self.parts


torch.save({"w": torch.zeros(1), "x": Call(os.system, "touch /tmp/pickle_ran_code")}, path("os_system.pth"))
torch.save([Call(eval, "1")], path("eval.pth"), _use_new_zipfile_serialization=False)
with open(path("os_system.pkl"), "wb") as file:
    pickle.dump(Call(os.system, "touch /tmp/pickle_ran_code"), file, protocol=4)

a = np.arange(6, dtype="f4").reshape(2, 3)
arrays = {"a": a, "transposed": a.T, "scalar": np.int64(4), "half": a.astype("f2"), "flags": np.array([True, False])}
np.savez(path("arrays.npz"), **arrays)
np.savez_compressed(path("arrays_compressed.npz"), **arrays)
for protocol in (2, 3, 4, 5):
    with open(path(f"arrays_{protocol}.pkl"), "wb") as file:
        value = {"model": {"a": a, "transposed": a.T, "ints": np.arange(3)}, "__author__": "x", "matching_heuristics": True}
        pickle.dump(value, file, protocol=protocol)
