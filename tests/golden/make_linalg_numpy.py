"""NumPy's answers for linear algebra. Usage: python3 make_linalg_numpy.py > linalg_numpy.json"""
import json

import numpy as np

a = (((np.arange(32) * 7) % 11 - 4.0) + np.tile(np.eye(4) * 6, (2, 1, 1)).ravel()).reshape(2, 4, 4)
b = ((np.arange(24) * 5) % 13 - 6.0).reshape(2, 4, 3)
low = np.outer([1.0, 2.0, -1.0, 0.5], [2.0, 0.0, 1.0]) + np.outer([0.0, 1.0, 1.0, 3.0], [1.0, -1.0, 0.0])
spd = a @ np.swapaxes(a, 1, 2)
L = np.linalg


def plain(x):
    x = np.asarray(x, dtype=np.float64)
    return {"shape": list(x.shape), "values": [float(v) for v in x.ravel()]}


w, v = L.eigh(spd)
u, s, vt = L.svd(b, full_matrices=False)
q, r = L.qr(b[0])
complete = L.qr(b[0], "complete")
full = L.svd(b)
sign, logdet = L.slogdet(a)
x, res, rank, sl = L.lstsq(b[0], a[0][:, :2], rcond=None)
shortest = L.lstsq(low, a[0][:, 0], rcond=None)[0]
answers = {
    "a": a, "b": b, "low": low, "cholesky": L.cholesky(spd), "solve": L.solve(a, b), "inv": L.inv(a), "det": L.det(a),
    "det3": L.det(a[:, :3, :3]), "sign": sign, "logDet": logdet, "eigenvalues": w, "eigenvectors": np.abs(v), "s": s,
    "u": np.abs(u), "vt": np.abs(vt), "q": np.abs(q), "r": np.abs(r),
    "qComplete": np.abs(complete[0]), "rComplete": np.abs(complete[1]), "uFull": np.abs(full[0]), "pinv": L.pinv(b), "pinvLow": L.pinv(low), "lstsq": x,
    "residuals": res, "rank": L.matrix_rank(low), "shortest": shortest, "power": L.matrix_power(a, 3), "powerBack": L.matrix_power(a, -2),
    "fro": L.norm(b, "fro", (1, 2)), "nuc": L.norm(b, "nuc", (1, 2)), "one": L.norm(b, 1, (1, 2)), "two": L.norm(b, 2, (1, 2)),
    "least": L.norm(b, -2, (1, 2)), "rows": L.norm(b, np.inf, (1, 2)), "leastRow": L.norm(b, -np.inf, (1, 2)),
}
print(json.dumps({k: plain(y) for k, y in answers.items()}))
