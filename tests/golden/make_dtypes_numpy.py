"""Records what NumPy answers in float16, int8 and uint8: each operation over all pairs of awkward values, casts from and to
every dtype, reductions and products of rows.

Where NumPy promotes otherwise than JAX (sums to 64 bits, quotients of int8 to float16) its answer is brought to JAX's dtype.
Sums and products of float16 are added up in float32 and rounded once, as JAX does.
Run: python3 tests/golden/make_dtypes_numpy.py > tests/golden/dtypes_numpy.json
"""
import json
import warnings

import numpy as np

warnings.simplefilter("ignore")

NUMPY = {
    "float16": np.float16,
    "float32": np.float32,
    "int8": np.int8,
    "uint8": np.uint8,
    "int32": np.int32,
    "uint32": np.uint32,
    "bool": np.bool_,
}
NAMES = {np.dtype(kind): name for name, kind in NUMPY.items()}
VALUES = {
    "float16": [0.0, -0.0, 1.0, -1.5, 1 / 3, 2049.0, 65504.0, 6.1035e-5, 6e-8, -6e-8, np.inf, -np.inf, np.nan],
    "int8": [0, 1, -1, 5, -7, 100, 127, -128],
    "uint8": [0, 1, 3, 7, 128, 200, 255],
}
WHOLE = ["int8", "uint8"]
ALL = ["float16", *WHOLE]


def quotient(x, y):
    return np.true_divide(x, y) if x.dtype == np.float16 else np.true_divide(x.astype(np.float32), y.astype(np.float32))


BINARY = {
    "add": (np.add, ALL),
    "sub": (np.subtract, ALL),
    "mul": (np.multiply, ALL),
    "div": (quotient, ALL),
    "maximum": (np.maximum, ALL),
    "minimum": (np.minimum, ALL),
    "floorDivide": (np.floor_divide, WHOLE),
    "remainder": (np.remainder, WHOLE),
    "equal": (np.equal, ALL),
    "less": (np.less, ALL),
    "bitwiseAnd": (np.bitwise_and, WHOLE),
    "bitwiseOr": (np.bitwise_or, WHOLE),
    "bitwiseXor": (np.bitwise_xor, WHOLE),
}
UNARY = {
    "neg": (np.negative, ALL),
    "abs": (np.abs, ALL),
    "sqrt": (np.sqrt, ["float16"]),
    "floor": (np.floor, ["float16"]),
    "round": (np.round, ["float16"]),
    "exp": (np.exp, ["float16"]),
    "log": (np.log, ["float16"]),
    "tanh": (np.tanh, ["float16"]),
    "log1p": (np.log1p, ["float16"]),
    "bitwiseNot": (np.invert, WHOLE),
}


def wider(x):
    return x.dtype.type if x.dtype == np.float16 else {np.dtype(np.int8): np.int32, np.dtype(np.uint8): np.uint32}[x.dtype]


def reduced(f, x):
    return f(x.astype(np.float32)).astype(np.float16) if x.dtype == np.float16 else f(x.astype(wider(x)), dtype=wider(x))


def mean(x):
    return np.mean(x.astype(np.float32)).astype(np.float16 if x.dtype == np.float16 else np.float32)


ROWS = {
    "float16": [0.1, 1e-3, 3.0, -7.25, 1024.0, 0.5, 2000.0],
    "int8": [100, 100, -3, 7, 50, 90, -128],
    "uint8": [200, 100, 3, 7, 50, 90, 128],
}
REDUCTIONS = {
    "sum": (lambda x: reduced(np.sum, x), ALL),
    "prod": (lambda x: reduced(np.prod, x), WHOLE),
    "mean": (mean, ALL),
    "max": (np.max, ALL),
    "min": (np.min, ALL),
    "argmax": (lambda x: np.argmax(x).astype(np.int32), ALL),
    "cumsum": (lambda x: np.cumsum(x, dtype=wider(x)), WHOLE),
    "sort": (np.sort, ALL),
    "flip": (np.flip, ALL),
}

rows = []


def told(values):
    flat = np.asarray(values).reshape(-1)
    if flat.dtype == np.bool_ or np.issubdtype(flat.dtype, np.integer):
        return [int(x) for x in flat]
    return [
        float(x) if np.isfinite(x) and not (x == 0 and np.signbit(x)) else "-0" if x == 0 else str(float(x)).replace("inf", "Infinity").replace("nan", "NaN")
        for x in flat
    ]


def record(operation, inputs, expected):
    rows.append({
        "operation": operation,
        "inputs": [{"dtype": NAMES[x.dtype], "shape": list(x.shape), "values": told(x)} for x in inputs],
        "expected": {"dtype": NAMES[np.asarray(expected).dtype], "values": told(expected)},
    })


for name, (f, dtypes) in BINARY.items():
    for dtype in dtypes:
        values = np.array(VALUES[dtype], NUMPY[dtype])
        x, y = (grid.reshape(-1) for grid in np.meshgrid(values, values, indexing="ij"))
        if name in ("floorDivide", "remainder"):
            x, y = x[y != 0], y[y != 0]
        record(name, [x, y], f(x, y))
for name, (f, dtypes) in UNARY.items():
    for dtype in dtypes:
        x = np.array(VALUES[dtype], NUMPY[dtype])
        record(name, [x], f(x))
for name, (f, dtypes) in REDUCTIONS.items():
    for dtype in dtypes:
        x = np.array(ROWS[dtype], NUMPY[dtype])
        record(name, [x], f(x))
for dtype in ALL:
    shift = np.arange(7).astype(NUMPY[dtype])
    if dtype != "float16":
        x = np.array(ROWS[dtype], NUMPY[dtype])
        record("shiftLeft", [x, shift], np.left_shift(x, shift))
        record("shiftRight", [x, shift], np.right_shift(x, shift))

half = np.array([0, 1e-8, 2.9802322387695312e-8, 2.98023224e-8 * 1.1, 6e-8, -3.1e-5, 6.1e-5, 1 / 3, 2049, 2051, 65519.9, 65520, -1e6, np.inf, np.nan], np.float32)
record("cast", [half], half.astype(np.float16))
for source in NUMPY:
    values = {"bool": [0, 1], "uint32": [0, 1, 127, 300, 2**31 + 5], "int32": [0, -1, 127, 300, -70000, 2**30]}
    small = [0, 1, 3, 100] if source.startswith("u") else [0.0, -1.0, 3.0, 100.75] if source.startswith("float") else [0, -1, 3, 100]
    x = np.array(values.get(source, small), NUMPY[source])
    for target in NUMPY:
        if source == target or (source not in ALL and target not in ALL):
            continue
        y = x[x >= 0] if target.startswith("u") and source.startswith("float") else x
        record("cast", [y], y.astype(NUMPY[target]))

random = np.random.RandomState(0)
a, b = random.randn(5, 37).astype(np.float16), random.randn(37, 6).astype(np.float16)
record("matmul", [a, b], (a.astype(np.float64) @ b.astype(np.float64)).astype(np.float16))



def drawn(dtype, *shape):
    if dtype == "bool":
        return random.rand(*shape) < 0.2
    return random.randint(np.iinfo(dtype).min, np.iinfo(dtype).max, shape, np.int64).astype(NUMPY[dtype])


for dtype in [*WHOLE, "int32", "uint32", "bool"]:
    x, y, v = drawn(dtype, 2, 3, 37), drawn(dtype, 37, 5), drawn(dtype, 37)
    for left, right in [(x, y), (v, y), (x, v)]:
        record("matmul", [left, right], left @ right)
    record("dot", [x[0], y], np.dot(x[0], y))
    record("vdot", [v, v], np.vdot(v, v))
    record("outer", [v[:9], v[9:13]], np.outer(v[:9], v[9:13]))
    record("kron", [x[0, :, :2], y[:2]], np.kron(x[0, :, :2], y[:2]))

print(json.dumps({"numpy": np.__version__, "rows": rows}, separators=(",", ":")))
