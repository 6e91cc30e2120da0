"""SciPy's and PyTorch's answers for sparse tensors. Usage: python3 make_sparse_scipy.py > sparse_scipy.json"""
import json

import numpy as np
import scipy.sparse as sp
import torch


def entries(shape, count, step, start):
    """Coordinates that repeat, and values that are whole and positive, so that nothing cancels."""
    cells = [(start + step * i * i) % int(np.prod(shape)) for i in range(count)]
    return np.array(np.unravel_index(cells, shape)), np.array([1.0 + (5 * i + start) % 7 for i in range(count)])


def plain(x):
    x = np.asarray(x)
    return {"shape": list(x.shape), "values": [float(v) for v in x.ravel()]}


def stored(x):
    """Sorted coordinates, one row an entry, and values of SciPy's or PyTorch's tensor."""
    if isinstance(x, torch.Tensor):
        x = x.coalesce()
        return {"shape": list(x.shape), "indices": plain(x.indices().T), "values": plain(x.values().detach())}
    x = sp.csr_matrix(x)
    x.sum_duplicates()
    rows = np.repeat(np.arange(x.shape[0]), np.diff(x.indptr))
    return {"shape": list(x.shape), "indices": plain(np.stack([rows, x.indices], 1)), "values": plain(x.data)}


def given(at, values, shape):
    return {"shape": list(shape), "indices": plain(at.T), "values": plain(values)}


A, B, C = entries((7, 5), 14, 8, 3), entries((7, 5), 11, 9, 1), entries((5, 6), 13, 7, 2)
a, b, c = (sp.coo_matrix((v, tuple(at)), s) for (at, v), s in ((A, (7, 5)), (B, (7, 5)), (C, (5, 6))))
x = (np.arange(20) * 7 % 11 - 4.0).reshape(5, 4)
u, v = (np.arange(21) * 5 % 9 - 3.0).reshape(7, 3), (np.arange(15) * 4 % 7 - 2.0).reshape(3, 5)
spy = a.tocsr().sign()
H = entries((3, 4), 9, 5, 2)
block = torch.tensor([[float((3 * i + j) % 5 + 1) for j in range(2)] for i in range(9)])
h = torch.sparse_coo_tensor(torch.tensor(H[0]), block, (3, 4, 2))
T = entries((2, 3, 4), 12, 7, 5)
batch = torch.sparse_coo_tensor(torch.tensor(T[0]), torch.tensor(T[1]), (2, 3, 4)).coalesce()
y = torch.tensor((np.arange(40) * 3 % 13 - 5.0).reshape(2, 4, 5))


def gradients():
    """Of a loss of PyTorch's sparse product and softmax, by the entries of `a` as they are given and by the dense operand."""
    values = torch.tensor(A[1], requires_grad=True)
    dense = torch.tensor(x, requires_grad=True)
    m = torch.sparse_coo_tensor(torch.tensor(A[0]), values, (7, 5))
    weights = torch.sparse.softmax(m.coalesce() * 0.25, 1)
    (torch.sparse.mm(weights, dense) ** 2).sum().backward()
    return {"values": plain(values.grad), "x": plain(dense.grad)}


csr = a.tocsr()
csr.sum_duplicates()
ta = torch.sparse_coo_tensor(torch.tensor(A[0]), torch.tensor(A[1]), (7, 5))
answers = {
    "a": given(*A, (7, 5)), "b": given(*B, (7, 5)), "c": given(*C, (5, 6)), "x": plain(x), "u": plain(u), "v": plain(v),
    "h": {"shape": [3, 4, 2], "indices": plain(H[0].T), "values": plain(block)}, "t": given(*T, (2, 3, 4)), "y": plain(y),
    "coalesce": stored(a), "toDense": plain(a.toarray()), "add": stored(a + b), "mul": stored(a.tocsr().multiply(b)),
    "mulDense": stored(a.tocsr().multiply(np.arange(1.0, 6.0))), "transpose": stored(a.T),
    "slice": stored(a.tocsr()[:6, 1:4]), "steps": stored(a.tocsr()[::-2, ::2]), "concatRows": stored(sp.vstack([a, b])),
    "concatColumns": stored(sp.hstack([a, b])), "sparseDense": plain(a @ x), "vector": plain(a @ x[:, 0]),
    "denseSparse": plain(x.T @ c), "sparseSparse": stored(a.tocsr() @ c.tocsr()), "sddmm": stored(spy.multiply(u @ v)),
    "rows": plain(np.asarray(a.sum(1))[:, 0]), "columns": plain(np.asarray(a.sum(0))[0]), "total": plain(a.sum()),
    "indptr": plain(csr.indptr), "columnsOfRows": plain(csr.indices), "data": plain(csr.data),
    "softmax": stored(torch.sparse.softmax(ta.coalesce(), 1)), "softmaxDown": stored(torch.sparse.softmax(ta.coalesce(), 0)),
    "softmaxBatch": stored(torch.sparse.softmax(batch, 1)), "softmaxHybrid": stored(torch.sparse.softmax(h.coalesce(), 1)),
    "hybrid": stored(h), "hybridDense": plain(h.to_dense()), "hybridRows": stored(torch.sparse.sum(h, 1)),
    "hybridChannels": stored(torch.sparse.sum(h, 2)), "hybridDown": plain(torch.sparse.sum(h, (0, 1))),
    "bmm": plain(torch.bmm(batch, y)), "gradients": gradients(),
}
print(json.dumps(answers))
