"""Records what NumPy and SciPy make of awkward numbers: python3 tests/golden/make_scalars_numpy.py > tests/golden/scalars.json

Floats are float32 numbers computed with in float64, so that the answers are right and not rounded; integers are int32 and
uint32, which wrap. NaN and infinities are written as strings. A row: name, dtype, operands, answers.
"""
import json

import numpy as np
from scipy import special

FLOATS = np.array(
    [0, -0.0, 1, -1, 0.5, 2, -2.5, 3, 1e-45, -1e-40, 1.17549435e-38, 88.7, 88.8, -86.5, -103.9, -104.5, 12345.678, 1e6, 1e7,
     -1e9, 1e20, 3.4028235e38, -3e38, 3.6936, -3.6936, 3.92, -4, 0.99999994, 1.0000001, 16777216, np.inf, -np.inf, np.nan],
    np.float32)
PAIRED = np.array([0, -0.0, 1, -1, 0.5, 2, -3, 2.5, 1e-30, 1e30, -16777215, 1.0000001, np.inf, -np.inf, np.nan], np.float32)
SIGNED = np.array([0, 1, -1, 2, 3, 7, -8, 31, 65537, 2147483647, -2147483648], np.int32)
UNSIGNED = np.array([0, 1, 2, 3, 7, 31, 65537, 2147483648, 4294967295], np.uint32)
BOOLS = np.array([False, True])


def sinc(x):
    """With zeros where they are: the sine of a float64 multiple of pi is none."""
    turn = x - 2 * np.round(x / 2)
    short = np.where(np.abs(turn) > 0.5, np.sign(turn) - turn, turn)
    return np.where(x == 0, 1, np.sin(np.pi * short) / (np.pi * x))


FLOAT_FUNCTIONS = {
    "neg": np.negative, "abs": np.abs, "sign": np.sign, "exp": np.exp, "log": np.log, "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x), "tanh": np.tanh, "sigmoid": special.expit, "erf": special.erf, "erfinv": special.erfinv, "sin": np.sin,
    "cos": np.cos, "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc, "round": np.round,
    "square": np.square, "log1p": np.log1p, "expm1": np.expm1, "log2": np.log2, "log10": np.log10, "exp2": np.exp2,
    "cbrt": np.cbrt, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh,
    "cosh": np.cosh, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "lgamma": lambda x: np.where(np.isneginf(x), np.inf, special.gammaln(x)),
    "digamma": special.psi, "reciprocal": np.reciprocal, "sinc": sinc, "isNaN": np.isnan, "isInf": np.isinf,
    "isFinite": np.isfinite,
}
PAIRS = {"atan2": np.arctan2, "hypot": np.hypot, "copysign": np.copysign, "logaddexp": np.logaddexp}
ARITHMETIC = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "maximum": np.maximum, "minimum": np.minimum}
COMPARISONS = {
    "equal": np.equal, "notEqual": np.not_equal, "less": np.less, "lessEqual": np.less_equal, "greater": np.greater,
    "greaterEqual": np.greater_equal,
}
LOGIC = {"logicalAnd": np.logical_and, "logicalOr": np.logical_or}
BITS = {"bitwiseAnd": np.bitwise_and, "bitwiseOr": np.bitwise_or, "bitwiseXor": np.bitwise_xor}
SHIFTS = {"shiftLeft": np.left_shift, "shiftRight": np.right_shift}


def plain(values):
    def one(x):
        x = float(x)
        return x if np.isfinite(x) else "NaN" if np.isnan(x) else "Infinity" if x > 0 else "-Infinity"
    # JSON has no -0 in every reader: it is written as text.
    return ["-0" if x == 0 and np.signbit(np.float64(x)) else one(x) for x in np.asarray(values).ravel()]


def row(name, dtype, operands, answer):
    return {"name": name, "dtype": dtype, "operands": [plain(x) for x in operands], "answers": plain(answer)}


def pairs(values, others=None):
    x, y = np.meshgrid(values, values if others is None else others, indexing="ij")
    return x.ravel(), y.ravel()


def floating():
    wide = FLOATS.astype(np.float64)
    yield from (row(name, "float32", [FLOATS], f(wide)) for name, f in FLOAT_FUNCTIONS.items())
    x, y = pairs(PAIRED)
    for name, f in {**ARITHMETIC, **COMPARISONS, "div": np.divide, "pow": np.power, **PAIRS}.items():
        yield row(name, "float32", [x, y], f(x.astype(np.float64), y.astype(np.float64)))


def integral(dtype, values):
    x, y = pairs(values)
    for name, f in {**ARITHMETIC, **COMPARISONS, **BITS}.items():
        yield row(name, dtype, [x, y], f(x, y))
    yield from (row(name, dtype, [values], f(values)) for name, f in {"neg": np.negative, "square": np.square}.items())
    unary = {"abs": np.abs, "sign": np.sign, "bitwiseNot": np.invert}
    yield from (row(name, dtype, [values], f(values)) for name, f in unary.items())
    functions = {name: FLOAT_FUNCTIONS[name] for name in ("exp", "sqrt", "log1p", "atan", "isNaN", "isFinite")}
    yield from (row(name, dtype, [values], f(values.astype(np.float64))) for name, f in functions.items())
    places = values[(values >= 0) & (values < 32)]
    for name, f in SHIFTS.items():
        yield row(name, dtype, pairs(values, places), f(*pairs(values, places)))
    exponents = values[values >= 0]
    yield row("pow", dtype, pairs(values, exponents), np.power(*pairs(values, exponents)))


def logical():
    x, y = pairs(BOOLS)
    yield from (row(name, "bool", [x, y], f(x, y)) for name, f in {**COMPARISONS, **LOGIC, **BITS}.items())
    yield row("logicalNot", "bool", [BOOLS], np.logical_not(BOOLS))
    yield row("bitwiseNot", "bool", [BOOLS], np.invert(BOOLS))
    yield row("exp", "bool", [BOOLS], np.exp(BOOLS.astype(np.float64)))


def main():
    with np.errstate(all="ignore"):
        rows = [*floating(), *integral("int32", SIGNED), *integral("uint32", UNSIGNED), *logical()]
    print("[\n" + ",\n".join(json.dumps(each, separators=(",", ":")) for each in rows) + "\n]")


main()
