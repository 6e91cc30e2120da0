"""NumPy's answers for indexing, grids, products and quantiles. Usage: python3 make_indexing_numpy.py > indexing_numpy.json"""
import json

import numpy as np

a = ((np.arange(24) * 7) % 11 - 4.0).reshape(2, 3, 4)
b = np.array([[0.5, -2.0, 3.0], [1.5, 4.0, -1.0]])
v = np.array([3.0, -1.0, 2.0, 2.0, 7.0])
s = np.array([-2.0, 0.0, 0.0, 1.0, 3.0, 3.0, 8.0])
w = np.array([[0.0, 3.0], [-5.0, 9.0], [8.0, 0.5]])


def plain(x):
    x = np.asarray(x, dtype=np.float64)
    return {"shape": list(x.shape), "values": [None if np.isnan(v) else float(v) for v in x.ravel()]}


def updated(index, f):
    y = a.copy()
    f(y, index)
    return y


def assign(value):
    def put(y, index):
        y[index] = value
    return put


E = np.einsum
h, edges = np.histogram(w, 4)
hw, _ = np.histogram(w, [-5.0, 0.0, 0.5, 9.0], weights=w * 2)
answers = {
    "a": a, "b": b, "v": v, "s": s, "w": w,
    "row": a[1], "last": a[..., -1], "strided": a[0, 2::-1, 1:4:2], "rows": a[[1, 0, 1]], "mixed": a[[1, 0], 1:, [0, 3]],
    "together": a[:, [[0], [2]], [1, -1]], "number": a[0, :, [0, 3]], "beyond": a[:, 1:99, -99:2],
    "setRow": updated(1, assign(7.0)), "setBox": updated((slice(None), slice(0, 3, 2), slice(None, None, -3)), assign(b[:, [0, 1], None] * [1, 2])),
    "setRows": updated(([1, 0], slice(None), [0, 3]), assign(b[:, :3])),
    "addRows": updated(([1, 0, 1], slice(1, None)), lambda y, i: np.add.at(y, i, 10.0)),
    "mulRows": updated((slice(None), [0, 2, 2]), lambda y, i: np.multiply.at(y, i, 3.0)),
    "maxRows": updated((slice(None), [0, 2, 2], -1), lambda y, i: np.maximum.at(y, i, np.array([1.0, 2.0, -9.0]))),
    "minRows": updated((1, [0, 0]), lambda y, i: np.minimum.at(y, i, np.array([[1.0], [0.0]]))),
    "diagonal": np.diagonal(a, 1, 1, 2), "diagonalBelow": np.diagonal(a, -1, 2, 0), "trace": np.trace(a, 0, 2, 1),
    "diag": np.diag(v, 2), "diagBelow": np.diag(v, -1), "diagRead": np.diag(b, 1), "tri": np.tri(3, 4, 1),
    "meshgrid": list(np.meshgrid(v, s)), "meshgridIj": list(np.meshgrid(v, s, b[0], indexing="ij")),
    "meshgridXyz": list(np.meshgrid(v, s, b[0])), "rot90": np.rot90(b), "rot180": np.rot90(a, 2, (1, 2)), "rot270": np.rot90(a, -1, (0, 2)),
    "kron": np.kron(b, w), "kronRanks": np.kron(a, b), "tensordot": np.tensordot(a, b, ([1], [1])), "tensordot2": np.tensordot(a, a, 3),
    "dot": np.dot(b, w[:, :].reshape(3, 2)), "dotVector": np.dot(a, a[0, 0]), "dotMany": np.dot(a, a.reshape(3, 4, 2)),
    "einsumMatmul": E("ij,jk->ik", b, w), "einsumBatch": E("bij,bkj->bik", a, a), "einsumDiagonal": E("ii->i", a[0][:, :3]),
    "einsumTrace": E("ii", a[0][:, :3]), "einsumImplicit": E("ij,ki", w, b), "einsumChain": E("ij,jk,kl,l->i", b, w, b, b[0]),
    "einsumDots": E("...ij,jk->...ki", a, a[0].T), "einsumOuter": E("i,j->ji", v, b[0]), "einsumSum": E("ijk->j", a),
    "einsumBroadcast": E("...i,...i", a[:, :, :3], b[:, None, :]),
    "searchLeft": np.searchsorted(s, w), "searchRight": np.searchsorted(s, w, "right"),
    "bincount": np.bincount([1, 4, 4, 0, 1], minlength=6), "histogram": [h, edges], "histogramWeighted": hw,
    "median": np.median(a, axis=1), "medianAll": np.median(v), "quantile": np.quantile(a, [0.1, 0.25, 0.9], axis=(0, 2)),
    **{m: np.quantile(v, [0.3, 0.5, 0.62], method=m) for m in ["lower", "higher", "nearest", "midpoint"]},
}
with np.errstate(all="ignore"):
    print(json.dumps({k: [plain(x) for x in y] if isinstance(y, list) else plain(y) for k, y in answers.items()}))
