"""NumPy's and SciPy's answers for functions on whole arrays. Usage: python3 make_arrays_numpy.py > arrays_numpy.json"""
import json

import numpy as np
from scipy.special import log_softmax, logsumexp, softmax

a = ((np.arange(24) * 7) % 11 - 4.0).reshape(2, 3, 4)
b = np.array([[0.5, -2.0, 1000.0], [-1000.0, 3.0, 3.0]])
inf = np.array([[-np.inf, -np.inf], [1.0, -np.inf]])


def plain(x):
    x = np.asarray(x, dtype=np.float64)
    return {"shape": list(x.shape), "values": [None if not np.isfinite(v) else float(v) for v in x.ravel()]}


with np.errstate(all="ignore"):
    print(json.dumps({
        "a": plain(a), "b": plain(b),
        "softmax": plain(softmax(b, -1)), "softmaxFirst": plain(softmax(a, 0)), "logSoftmax": plain(log_softmax(b, -1)),
        "logsumexp": plain(logsumexp(a, (0, 2))), "logsumexpLarge": plain(logsumexp(b, 1)), "logsumexpInfinite": plain(logsumexp(inf, 1)),
        "sort": plain(np.sort(a, 1)), "sortDescending": plain(-np.sort(-a, -1)),
        "eye": plain(np.eye(3, 4, 1)), "eyeBelow": plain(np.eye(3, k=-1)), "tril": plain(np.tril(a, 1)), "triu": plain(np.triu(a, -1)),
        "swapaxes": plain(np.swapaxes(a, 0, -1)), "moveaxis": plain(np.moveaxis(a, 0, -1)), "moveaxisBack": plain(np.moveaxis(a, 2, 0)),
        "split": [plain(x) for x in np.split(a, [1, 1, 3], 2)], "splitEven": [plain(x) for x in np.split(a, 2, -1)],
        "roll": plain(np.roll(a, -5, 1)), "rollLast": plain(np.roll(a, 3, -1)), "tile": plain(np.tile(a[0], (2, 1, 3))),
        "tileShort": plain(np.tile(a, 2)), "repeat": plain(np.repeat(a, 3, 1)),
        "cumsum": plain(np.cumsum(a, 1)), "cumprod": plain(np.cumprod(a, -1)), "cummax": plain(np.maximum.accumulate(a, 0)),
        "prod": plain(np.prod(a, (0, 2))), "prodAll": plain(np.prod(a + 5.5)), "std": plain(np.std(a, 1, ddof=1)),
        "any": plain(np.any(a == 2, 2)), "all": plain(np.all(a < 5, 2)), "norm": plain(np.linalg.norm(a, axis=1)),
        "norm1": plain(np.linalg.norm(a[0], 1, axis=1)), "normInfinity": plain(np.linalg.norm(a[0], np.inf, axis=0)),
        "norm3": plain(np.linalg.norm(a[0], 3, axis=0)), "linspace": plain(np.linspace(-1, 2, 7)),
        "linspaceOpen": plain(np.linspace(3, 1, 4, endpoint=False)), "linspaceOne": plain(np.linspace(3, 1, 1)),
        "outer": plain(np.outer(a[0, 0], a[1, :, 1])), "vdot": plain(np.dot(a[0, 0], a[1, 1])),
    }))
