"""Writes files/: small files of PyTorch and NumPy, which the readers must understand, and some that they must refuse.

Run with Debian's python3-torch (1.13) and numpy: /usr/bin/python3 tests/golden/make_pth_torch.py
"""

import argparse
import collections
import copy
import datetime
import enum
import functools
import os
import pathlib
import pickle
import random
import types

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
with open(path("values_dumped.pkl"), "wb") as file:
    pickle.dump(whole, file)


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


class Mode(enum.Enum):
    TRAIN = 1


class Settings(dict):
    """A dictionary with attributes, as configuration libraries have."""

    __getattr__ = dict.__getitem__


weights = collections.OrderedDict(weight=torch.arange(4.0).reshape(2, 2), bias=torch.tensor([5.0, 6.0]))
random.seed(0)
np.random.seed(0)
torch.manual_seed(0)
objects = {
    "best_loss": torch.tensor(0.25),
    "numpy_scalar": np.float64(0.5),
    "numpy_int": np.int64(2**40),
    "numpy_bool": np.bool_(True),
    "numpy_array": np.arange(3, dtype="f4"),
    "numpy_texts": np.array(["a", "b"]),
    "numpy_objects": np.array([None, {}], dtype=object),
    "numpy_dtype": np.dtype("f4"),
    "numpy_rng": np.random.get_state(),
    "numpy_generator": np.random.default_rng(0),
    "python_rng": random.getstate()[:1] + (random.getstate()[1][:4],),
    "torch_rng": torch.get_rng_state()[:8].clone(),
    "size": torch.Size([2, 3]),
    "dtype": torch.float16,
    "device": torch.device("cuda", 0),
    "complex": 1 + 2j,
    "set": {1},
    "frozenset": frozenset([2]),
    "bytes": b"abc",
    "empty_bytes": b"",
    "bytearray": bytearray(b"x"),
    "range": range(3),
    "slice": slice(1, 2),
    "counter": collections.Counter({3: 2}),
    "defaultdict": collections.defaultdict(list, {"a": [1]}),
    "deque": collections.deque([1, 2]),
    "namespace": argparse.Namespace(lr=0.1, arch="resnet18"),
    "simple": types.SimpleNamespace(x=1),
    "path": pathlib.PurePosixPath("/data/train"),
    "date": datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc),
    "delta": datetime.timedelta(days=1),
    "enum": Mode.TRAIN,
    "partial": functools.partial(torch.nn.LayerNorm, eps=1e-6),
    "class": torch.nn.Linear,
    "function": torch.nn.functional.relu,
    "settings": Settings(epochs=3),
    "complex_tensor": torch.tensor([1 + 2j]),
    "sparse": torch.eye(2).to_sparse(),
    "state_dict": weights,
}
torch.save(objects, path("objects.pth"))
legacy = {key: value for key, value in objects.items() if not key.startswith("complex_t")}
torch.save(legacy, path("objects_legacy.pth"), _use_new_zipfile_serialization=False)
torch.save(objects, path("objects_4.pth"), pickle_protocol=4)
module = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
torch.save(module, path("module.pth"))
torch.save(module, path("module_legacy.pth"), _use_new_zipfile_serialization=False)
torch.save({"epoch": 1, "net": copy.deepcopy(module)}, path("module_inside.pth"))
torch.jit.script(module).save(path("script.pt"))
