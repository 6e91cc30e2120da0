"""What NumPy, SciPy and PyTorch say that operations are.

Usage: python3 answers.py < questions.json > ../golden/conformance.json (`deno task conformance --record` does it): a question is a name, an
expression over `a`, `b`, … and inputs of several dtypes; an answer the arrays that the expression gives, or null.
"""
import json
import sys

import numpy as np

import truth
from truth import plain

DTYPES = {"bool": np.bool_, "int32": np.int32, "uint32": np.uint32, "int8": np.int8, "uint8": np.uint8}


def tensors(inputs):
    names = "abcdefg"
    read = lambda values: [float(v) for v in values]
    return {n: np.array(read(x["values"])).astype(DTYPES.get(x["dtype"], np.float64)).reshape(x["shape"]) for n, x in zip(names, inputs)}


def answer(expression, inputs, varied):
    given = tensors(inputs)
    try:
        found = eval(expression, {**vars(truth), **given})
        many = list(found) if isinstance(found, (list, tuple)) else [found]
        # NumPy rounds functions of bools to 16 bits; what they are is known better from the same numbers.
        if any(np.asarray(y).dtype in (np.float16, np.float32) for y in many):
            wide = {n: x.astype(np.float64) if i in varied else x for i, (n, x) in enumerate(given.items())}
            found = eval(expression, {**vars(truth), **wide})
            many = list(found) if isinstance(found, (list, tuple)) else [found]
        return [plain(y) for y in many]
    except (TypeError, ValueError, IndexError, RuntimeError, np.linalg.LinAlgError, OverflowError, AssertionError) as error:
        print(f"{expression}: {error}", file=sys.stderr)
        return None


print("{")
questions = json.load(sys.stdin)
for at, q in enumerate(questions):
    answers = {dtype: answer(q["truth"], inputs, q["varied"]) for dtype, inputs in q["inputs"].items()}
    line = json.dumps(q["name"]) + ": " + json.dumps({"truth": q["truth"], "answers": answers})
    print(line + ("," if at + 1 < len(questions) else ""))
print("}")
