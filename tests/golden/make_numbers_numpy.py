"""Records what NumPy answers to awkward numbers: each operation over all pairs of values of each dtype.

Where NumPy has no such dtype (int64 sums, float64 means) its answer is brought to the one of 32 bits.
Run: python3 tests/golden/make_numbers_numpy.py > tests/golden/numbers_numpy.json
"""
import json
import warnings

import numpy as np

warnings.simplefilter("ignore")

VALUES = {
    "float32": [0.0, 1.0, -1.0, 0.5, -2.5, 7.0, 3e9, -1e20, np.inf, -np.inf, np.nan],
    "int32": [0, 1, -1, 7, -7, 65536, 2**31 - 1, -(2**31)],
    "uint32": [0, 1, 7, 65536, 2**31, 2**32 - 1],
    "bool": [True, False],
}
NUMPY = {"float32": np.float32, "int32": np.int32, "uint32": np.uint32, "bool": np.bool_}
NUMBERS = ["float32", "int32", "uint32"]
ALL = [*NUMBERS, "bool"]


def trunc_divide(x, y):
    if x.dtype == np.float32:
        return np.trunc(x / y)
    wide = np.where(y == 0, 0, np.trunc(x.astype(np.float64) / np.where(y == 0, 1, y))).astype(np.int64)
    return wide.astype(x.dtype)


BINARY = {
    "add": (np.add, ALL),
    "sub": (np.subtract, NUMBERS),
    "mul": (np.multiply, ALL),
    "div": (np.true_divide, ALL),
    "truncDivide": (trunc_divide, NUMBERS),
    "floorDivide": (np.floor_divide, NUMBERS),
    "fmod": (np.fmod, NUMBERS),
    "remainder": (np.remainder, NUMBERS),
    "maximum": (np.maximum, ALL),
    "minimum": (np.minimum, ALL),
    "equal": (np.equal, ALL),
    "notEqual": (np.not_equal, ALL),
    "less": (np.less, ALL),
    "lessEqual": (np.less_equal, ALL),
    "greater": (np.greater, ALL),
    "greaterEqual": (np.greater_equal, ALL),
    "bitwiseAnd": (np.bitwise_and, ["int32", "uint32", "bool"]),
    "bitwiseOr": (np.bitwise_or, ["int32", "uint32", "bool"]),
    "bitwiseXor": (np.bitwise_xor, ["int32", "uint32", "bool"]),
    "logicalAnd": (np.logical_and, ALL),
    "logicalOr": (np.logical_or, ALL),
}
UNARY = {
    "neg": (np.negative, NUMBERS),
    "abs": (np.absolute, ALL),
    "sign": (np.sign, NUMBERS),
    "square": (np.square, NUMBERS),
    "floor": (np.floor, ["float32"]),
    "sqrt": (np.sqrt, ["float32"]),
    "exp": (np.exp, ["float32"]),
    "log": (np.log, ["float32"]),
    "tanh": (np.tanh, ["float32"]),
    "isNaN": (np.isnan, NUMBERS),
    "logicalNot": (np.logical_not, ALL),
}
REDUCTIONS = {
    "sum": (lambda x: np.sum(x, dtype=np.int32 if x.dtype == np.bool_ else x.dtype), ALL),
    "mean": (lambda x: np.float32(np.mean(x, dtype=np.float64)), ALL),
    "max": (np.max, ALL),
    "min": (np.min, ALL),
    "argmax": (lambda x: np.int32(np.argmax(x)), ALL),
    "argmin": (lambda x: np.int32(np.argmin(x)), ALL),
}


def plain(values):
    def one(value):
        value = value.item() if hasattr(value, "item") else value
        if isinstance(value, bool):
            return int(value)
        if value != value:
            return "NaN"
        if value in (np.inf, -np.inf):
            return "Infinity" if value > 0 else "-Infinity"
        return value

    return [one(value) for value in np.asarray(values).ravel()]


def row(name, inputs, result):
    if result.dtype == np.float64:
        result = result.astype(np.float32)
    return {
        "operation": name,
        "dtype": inputs[0].dtype.name,
        "inputs": [plain(x) for x in inputs],
        "expected": {"dtype": result.dtype.name, "values": plain(result)},
    }


def rows():
    for name, (f, dtypes) in BINARY.items():
        for dtype in dtypes:
            values = np.array(VALUES[dtype], NUMPY[dtype])
            x, y = [np.ascontiguousarray(a).ravel() for a in np.meshgrid(values, values, indexing="ij")]
            yield row(name, [x, y], f(x, y))
    for name, (f, dtypes) in UNARY.items():
        for dtype in dtypes:
            x = np.array(VALUES[dtype], NUMPY[dtype])
            yield row(name, [x], np.asarray(f(x)))
    for name, (f, dtypes) in REDUCTIONS.items():
        for dtype in dtypes:
            whole = np.array(VALUES[dtype], NUMPY[dtype])
            finite = whole[np.isfinite(whole) & (np.abs(whole.astype(np.float64)) < 1e5)] if dtype == "float32" else whole
            for x in ([whole, finite, finite[::-1].copy()]):
                yield row(name, [x], np.asarray(f(x)))
    for source in ALL:
        for target in ALL:
            x = np.array(VALUES[source], NUMPY[source])
            if source == "float32" and target in ("int32", "uint32"):
                continue  # undefined in C: written down by hand in the test
            yield row("cast", [x], x.astype(NUMPY[target]))


print(json.dumps({"numpy": np.__version__, "rows": list(rows())}))
