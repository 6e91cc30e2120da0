"""What the programs of this folder compute, by NumPy, SciPy and PyTorch in float64, random numbers by the words of threefry.

Usage: python3 answers.py > ../golden/programs.json
"""
import json
import sys
from pathlib import Path

import numpy as np
import scipy.sparse
import scipy.special as special
import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).parent.parent / "conformance"))
import truth  # noqa: E402

key = lambda seed: np.array([seed >> 32, seed & 0xFFFFFFFF], np.uint64)
fold = truth.words
split = lambda k, n=2: [truth.words(k, i) for i in range(n)]
T = lambda x: torch.tensor(np.asarray(x, np.float64), requires_grad=True)
N = lambda x: x.detach().numpy()
A = np.arange


def linear_regression():
    x = np.linspace(-1, 1, 32)[:, None]
    y = 3 * x + 0.5
    w, b = np.zeros((1, 1)), np.zeros(1)
    for _ in range(50):
        error = x @ w + b - y
        w, b = w - 0.3 * 2 * np.mean(x * error, 0, keepdims=True), b - 0.3 * 2 * np.mean(error, 0)
    return [w, b, np.mean((x @ w + b - y) ** 2)]


def two_moons():
    angle = np.linspace(0, np.pi, 50)
    upper = np.stack([np.cos(angle), np.sin(angle)], 1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], 1)
    points = torch.from_numpy(np.concatenate([upper, lower]))
    labels = torch.cat([torch.zeros(50), torch.ones(50)]).double()
    sizes = [2, 16, 16, 1]
    weights = [T(truth.normal(k, (m, n)) / np.sqrt(m)) for k, m, n in zip(split(key(0), 3), sizes, sizes[1:])]
    params = [p for w, n in zip(weights, sizes[1:]) for p in (w, T(np.zeros(n)))]

    def model():
        x = points
        for w, b in zip(params[0:4:2], params[1:4:2]):
            x = torch.tanh(x @ w + b)
        return (x @ params[4] + params[5]).squeeze(1)

    loss = lambda: F.binary_cross_entropy_with_logits(model(), labels)
    optimizer = torch.optim.SGD(params, 0.5)
    for _ in range(40):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    return [N(loss()), np.mean((N(model()) > 0) == (labels.numpy() > 0.5))]


def stable_log1pexp():
    x = np.array([-80.0, -3, 0, 5, 80, 100])
    s = special.expit(x)
    low = special.expit(np.minimum(x, 40))
    return [np.logaddexp(0, x), s, low * (1 - low)]


def attention():
    q, k, v = (T(truth.normal(one, (2, 6, 2, 4))) for one in split(key(1), 3))
    scores = torch.einsum("bthc,bshc->bhts", q, k) / 2
    scores = scores.masked_fill(~torch.ones(6, 6).tril().bool(), -torch.inf)
    y = torch.einsum("bhts,bshc->bthc", torch.softmax(scores, -1), v)
    (y**2).sum().backward()
    return [N(y), q.grad.numpy()]


def random_numbers():
    k = key(42)
    first, second, third, fourth = split(k, 4)
    logits = np.log([0.1, 0.2, 0.7])
    return [
        truth.normal(first, (3,)), truth.uniform(second, (2, 3)) * 2 - 1, truth.randint(third, (5,), 0, 10),
        truth.permutation(fourth, 8), np.argmax(truth.gumbel(fold(k, 7), (6, 3)) + logits, -1),
        A(5, 9)[truth.randint(fold(k, 8), (3,), 0, 4)], np.array([truth.normal(one, (1,))[0] for one in split(k, 5)]),
    ]


def newton():
    x, y = np.sin(A(60.0)).reshape(20, 3), np.cos(A(20) * 1.3) > 0
    signs = np.where(y, 1, -1)
    loss = lambda w: np.mean(np.logaddexp(0, -signs * (x @ w))) + 0.01 * w @ w

    def gradient(w):
        return -np.mean((signs * special.expit(-signs * (x @ w)))[:, None] * x, 0) + 0.02 * w

    w = np.zeros(3)
    for _ in range(6):
        p = special.expit(x @ w)
        hessian = (x * (p * (1 - p))[:, None]).T @ x / 20 + 0.02 * np.eye(3)
        w = w - np.linalg.solve(hessian, gradient(w))
    return [w, loss(w), np.linalg.norm(gradient(w))]


def per_example_gradients():
    w, v = np.sin(A(12.0)).reshape(3, 4), np.cos(A(4.0))
    x, y = np.sin(A(24) * 0.7).reshape(8, 3), np.cos(A(8.0))
    ws, vs = [], []
    for one, label in zip(x, y):
        tw, tv = T(w), T(v)
        ((torch.tanh(torch.from_numpy(one) @ tw) * tv).sum() - label).square().backward()
        ws.append(tw.grad.numpy())
        vs.append(tv.grad.numpy())
    ws, vs = np.stack(ws), np.stack(vs)
    norms = np.sqrt((ws**2).sum((1, 2)) + (vs**2).sum(1))
    scale = np.minimum(1, 0.5 / norms)
    return [norms, np.tensordot(scale, ws, 1) / 8, np.tensordot(scale, vs, 1) / 8]


def jacobians():
    x = torch.tensor([0.5, -1, 2, 0.25], dtype=torch.float64)
    f = lambda x: torch.stack([x.prod(), x.sin().sum(), x @ x])
    first = N(torch.autograd.functional.jacobian(f, x))
    second = np.stack([N(torch.autograd.functional.hessian(lambda x, i=i: f(x)[i], x)) for i in range(3)])
    return [first, first, first, second]


def char_rnn():
    text = A(201) ** 2 // 3 % 27
    inputs, targets = torch.eye(27).double()[text[:-1]], torch.from_numpy(text[1:])
    a, b, c = split(key(3), 3)
    wx, wh, wy = T(truth.normal(a, (27, 16)) * 0.2), T(truth.normal(b, (16, 16)) * 0.2), T(truth.normal(c, (16, 27)) * 0.2)
    losses = []
    for _ in range(5):
        h, scores = torch.zeros(16).double(), []
        for x in inputs:
            h = torch.tanh(x @ wx + h @ wh)
            scores.append(h @ wy)
        loss = F.cross_entropy(torch.stack(scores), targets)
        losses.append(float(loss))
        gradients = torch.autograd.grad(loss, (wx, wh, wy))
        wx, wh, wy = (T(N(p) - g.numpy()) for p, g in zip((wx, wh, wy), gradients))
    return [losses, N(wh)]


def sorting_and_segments():
    x, groups = np.sin(A(24) * 1.7), A(24) ** 2 % 5
    order = np.argsort(x, kind="stable")
    top = np.argsort(-x, kind="stable")[:3]
    totals = np.bincount(groups, x, 5)
    most = truth.segments(x, groups, 5, np.maximum, truth.LEAST)
    return [
        order, x[order], x[top], top, np.cumsum(x[order]), np.eye(5)[groups], totals, most, totals,
        np.histogram(x, 4, (-1, 1))[0], np.searchsorted(x[order], [-0.5, 0, 0.5]),
    ]


def gaussian_process():
    x = torch.linspace(0, 6, 12).double()
    x = torch.from_numpy(np.linspace(0, 6, 12))
    y = torch.sin(x)
    kernel = lambda a, b, scale: torch.exp(-0.5 * ((a[:, None] - b) / scale) ** 2)
    scale = T(1.5)
    covariance = kernel(x, x, scale) + 0.01 * torch.eye(12)
    factor = torch.linalg.cholesky(covariance)
    white = torch.linalg.solve_triangular(factor, y[:, None], upper=False)[:, 0]
    value = 0.5 * white @ white + factor.diagonal().log().sum()
    value.backward()
    predicted = kernel(torch.tensor([0.3, 2.2, 7]).double(), x, scale) @ torch.linalg.solve(covariance, y)
    return [N(value), scale.grad.numpy(), N(predicted)]


def optimizer_chain():
    target = np.cos(A(6.0)).reshape(2, 3)
    w, m, v = np.ones((2, 3)), np.zeros((2, 3)), np.zeros((2, 3))
    for i in range(20):
        g = 6 * (3 * w - target)
        g = g / max(1, np.sqrt((g**2).sum()))
        m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g * g
        update = (m / (1 - 0.9 ** (i + 1))) / (np.sqrt(v / (1 - 0.99 ** (i + 1))) + 1e-8)
        w = w - (0.01 + 0.09 * (1 - i / 20)) * (update + 0.1 * w)
    return [w, ((3 * w - target) ** 2).sum()]


def saving():
    return [np.sin(A(3.0)), A(6).reshape(2, 3), np.zeros(3), np.eye(3)]


def decompositions():
    x = np.sin(A(20.0) ** 2).reshape(5, 4)
    u, s, vt = np.linalg.svd(x, False)
    q, r = np.linalg.qr(x)
    values, vectors = np.linalg.eigh(x.T @ x)
    slope = np.linalg.pinv(x).T  # of the logarithms' sum
    return [s, *map(np.abs, (u, q, r, vectors)), values, x, slope]


def power_iteration():
    m = np.cos(A(25.0)).reshape(5, 5)
    values, vectors = np.linalg.eigh(m @ m.T + np.eye(5))
    return [values[-1], vectors[:, -1] * np.sign(vectors[:, -1].sum()), True]


def voxel_convolution():
    sites = np.array([[0, 0, 0], [0, 0, 1], [1, 1, 1], [2, 2, 0], [3, 3, 3], [3, 2, 3]])
    mask = np.zeros((1, 4, 4, 4, 1))
    mask[(0, *sites.T)] = 1
    x = truth.torched(mask * np.sin(A(128.0)).reshape(1, 4, 4, 4, 2))
    w = T(np.cos(A(162.0)).reshape(3, 3, 3, 2, 3))
    y = F.conv3d(x, w.permute(4, 3, 0, 1, 2), padding=1) * truth.torched(mask)
    (y**2).sum().backward()
    return [truth.back(y), w.grad.numpy()]


def own_kernel():
    x = np.linspace(-3, 3, 13)
    y = x / (1 + np.abs(x))
    return [y, 2 * y / (1 + np.abs(x)) ** 2]


def digits():
    labels = A(40) % 4
    images = torch.from_numpy(np.repeat(np.eye(4)[labels], 3, 1) + 0.3 * truth.normal(key(0), (40, 12)))
    first, second = split(key(1))
    w, v = T(truth.normal(first, (12, 16)) / 4), T(truth.normal(second, (16, 4)) / 4)
    norm = torch.nn.BatchNorm1d(16).double()
    params = [w, v, *norm.parameters()]
    optimizer = torch.optim.SGD(params, 0.5)
    losses = []
    for i in range(15):
        kept = torch.from_numpy(truth.uniform(fold(key(2), i), (40, 16)) < 0.8) / 0.8
        loss = F.cross_entropy((torch.relu(norm(images @ w)) * kept) @ v, torch.from_numpy(labels))
        losses.append(float(loss))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [losses, norm.running_mean.numpy(), norm.running_var.numpy()]


def graph_convolution():
    source = np.concatenate([A(10), A(10) * 3 % 10, A(10)])
    target = np.concatenate([(A(10) + 1) % 10, A(10), A(10)])
    degree = np.bincount(target, minlength=10)
    adjacency = np.zeros((10, 10))
    np.add.at(adjacency, (target, source), 1 / np.sqrt(degree[source] * degree[target]))
    adjacency, features = torch.from_numpy(adjacency), torch.from_numpy(np.sin(A(40.0)).reshape(10, 4))
    w, v = T(np.cos(A(32.0)).reshape(4, 8)), T(np.sin(A(24.0)).reshape(8, 3))
    loss = lambda: F.cross_entropy(adjacency @ torch.relu(adjacency @ features @ w) @ v, torch.arange(10) % 3)
    optimizer = torch.optim.SGD([w, v], 0.2)
    for _ in range(20):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    return [N(loss()), N(v)]


def sparse_in_jit():
    rows, columns, values = A(12) ** 2 % 5, A(12) % 4, np.sin(A(12.0))
    a = scipy.sparse.coo_array((values, (rows, columns)), (5, 4)).toarray()
    b = scipy.sparse.coo_array(([1.0, 2, 3], ([0, 4, 2], [0, 3, 1])), (5, 4)).toarray()
    return [a + b, a * b, (a + b).sum(1), 2 * (a + b)[rows, columns]]


PROGRAMS = [
    linear_regression, two_moons, stable_log1pexp, attention, digits, random_numbers, voxel_convolution, own_kernel, newton,
    per_example_gradients, jacobians, char_rnn, sorting_and_segments, gaussian_process, optimizer_chain, saving,
    decompositions, power_iteration, graph_convolution, sparse_in_jit,
]
print(json.dumps({f.__name__: [truth.plain(x) for x in f()] for f in PROGRAMS}))
