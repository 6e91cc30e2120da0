"""Definitions in NumPy of what NumPy, SciPy and PyTorch have under no name of their own, and arrays as JSON."""
import itertools
import warnings

import numpy as np
import scipy.linalg as linalg
import scipy.sparse as sparse
import scipy.special as special
import scipy.stats as stats
import torch
import torch.nn.functional as F
import torchvision.ops as ops

warnings.simplefilter("ignore")
np.seterr(all="ignore")
LEAST, LARGEST = "least", "largest"


def limit(dtype, which):
    if dtype == np.bool_:
        return which == LARGEST
    if np.issubdtype(dtype, np.integer):
        return np.iinfo(dtype).max if which == LARGEST else np.iinfo(dtype).min
    return np.inf if which == LARGEST else -np.inf


def segments(rows, ids, count, combine, start):
    """Rows combined by their ids."""
    out = np.full((count,) + rows.shape[1:], limit(rows.dtype, start) if isinstance(start, str) else start, rows.dtype)
    for row, i in zip(rows, ids):
        out[i] = combine(out[i], row)
    return out


def at_rows(x, ids):
    y = x.copy()
    np.add.at(y, ids, np.asarray(2, x.dtype))
    return x[ids][:, 1:], y


def top_k(x, k):
    if x.dtype == np.bool_:
        x = x.astype(np.int32)
    order = np.argsort(-x.astype(np.float64), -1, kind="stable")[..., :k]
    return np.take_along_axis(x, order, -1), order


def positive(x):
    return 0.1 * x @ np.swapaxes(x, -1, -2) + np.diag(np.arange(1.0, x.shape[-1] + 1))


def regular(x):
    return x + 3 * np.eye(x.shape[-1])


def apart(x):
    m, n = x.shape[-2:]
    return 0.3 * x + np.eye(m, n) * np.arange(1.0, n + 1)


def parts(z):
    return z.real, z.imag


def scan(f, carry, xs):
    ys = []
    for x in xs:
        carry, y = f(carry, x)
        ys.append(y)
    return carry, np.stack(ys)


def accumulate(f, xs):
    return np.stack(list(itertools.accumulate(xs, f)))


def floating(x):
    return np.asarray(x, np.float64)


def counted(x):
    """Sums and products count bools, and integers of 8 bits become those of 32."""
    return x.astype({"bool": np.int32, "int8": np.int32, "uint8": np.uint32}.get(x.dtype.name, x.dtype))


def torched(x):
    """Channels last to PyTorch's order."""
    return torch.from_numpy(np.moveaxis(np.asarray(x, np.float64), -1, 1).copy())


def back(y):
    return np.moveaxis(y.detach().numpy(), 1, -1)


def conv(x, w, stride=1, padding=0, groups=1):
    f = [F.conv1d, F.conv2d, F.conv3d][x.ndim - 3]
    weight = torch.from_numpy(np.moveaxis(np.asarray(w, np.float64), (-1, -2), (0, 1)).copy())
    return back(f(torched(x), weight, None, stride, padding, 1, groups))


def convT(x, w, stride=1, padding=0):
    """Weights are [..., Cout, Cin]."""
    f = [F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d][x.ndim - 3]
    weight = torch.from_numpy(np.moveaxis(np.asarray(w, np.float64), (-1, -2), (0, 1)).copy())
    return back(f(torched(x), weight, None, stride, padding))


def pool(f, x, *args, **settings):
    return back(f(torched(x), *args, **settings))


def roi_align(x, boxes, size, sampling):
    return back(ops.roi_align(torched(x), torch.tensor(boxes, dtype=torch.float64), size, 1.0, sampling, False))


def suppressed(boxes, threshold):
    """1 for each box that is kept: boxes stand in the order of their scores."""
    kept = ops.nms(torch.from_numpy(boxes.astype(np.float64)), torch.arange(len(boxes), 0, -1).double(), threshold).numpy()
    return np.isin(np.arange(len(boxes)), kept)


def kept_boxes(boxes, scores, threshold):
    """Numbers of the boxes that are kept, the surest first, then -1; and how many they are."""
    kept = ops.nms(torch.from_numpy(boxes.astype(np.float64)), torch.from_numpy(scores.astype(np.float64)), threshold).numpy()
    return np.concatenate([kept, np.full(len(boxes) - len(kept), -1)]), np.array(len(kept))


def pyramid(fine, coarse, first, second, out):
    """Two levels, and every second cell of the coarser one."""
    top = conv(coarse, second)
    merged = conv(fine, first) + np.repeat(np.repeat(top, 2, 1), 2, 2)
    outputs = [conv(x, out, 1, 1) for x in (merged, top)]
    return [*outputs, outputs[1][:, ::2, ::2]]


def T(x):
    return torch.from_numpy(np.asarray(x, np.float64).copy())


def N(y):
    return y.detach().numpy()


def response_norm(x, weight, bias):
    """ConvNeXt V2's global response normalisation."""
    gathered = np.sqrt(np.sum(x * x, (1, 2), keepdims=True))
    return x + x * (gathered / (np.mean(gathered, -1, keepdims=True) + 1e-6)) * weight + bias


def attention(q, k, v):
    scores = floating(q) @ np.swapaxes(k, -1, -2) / np.sqrt(q.shape[-1])
    allowed = np.tril(np.ones(scores.shape[-2:], bool))
    return special.softmax(np.where(allowed, scores, -np.inf), -1) @ v


def in_top(x, labels, k):
    """Of equal scores those of lower classes come first."""
    own = np.take_along_axis(x, labels[:, None], 1)
    before = (x > own) | ((x == own) & (np.arange(x.shape[1]) < labels[:, None]))
    return np.sum(before, 1) < k


def recurrent(kind, x, w, b, v, c):
    """Weights [in, gates * H] and [H, gates * H]."""
    layer = kind(w.shape[0], v.shape[0], batch_first=True).double()
    with torch.no_grad():
        for name, value in zip(("weight_ih_l0", "bias_ih_l0", "weight_hh_l0", "bias_hh_l0"), (w.T, b, v.T, c)):
            getattr(layer, name).copy_(T(value))
    return N(layer(T(x))[0])


def scores(matrix):
    right, present, said = np.diagonal(matrix), matrix.sum(1), matrix.sum(0)
    return right.sum() / matrix.sum(), right / said, right / present, 2 * right / (present + said)


def rotate(x, by):
    return ((x << by) | (x >> (32 - by))) & 0xFFFFFFFF


def threefry(key, high, low):
    """Threefry-2x32 of 20 rounds (Salmon et al. 2011), on whole numbers of Python."""
    k = [int(key[0]), int(key[1])]
    k.append(k[0] ^ k[1] ^ 0x1BD11BDA)
    x0, x1 = (int(high) + k[0]) & 0xFFFFFFFF, (int(low) + k[1]) & 0xFFFFFFFF
    for block in range(5):
        for by in ((13, 15, 26, 6), (17, 29, 16, 24))[block % 2]:
            x0 = (x0 + x1) & 0xFFFFFFFF
            x1 = rotate(x1, by) ^ x0
        x0 = (x0 + k[(block + 1) % 3]) & 0xFFFFFFFF
        x1 = (x1 + k[(block + 2) % 3] + block + 1) & 0xFFFFFFFF
    return x0, x1


def words(key, i):
    return np.array(threefry(key, i >> 32, i & 0xFFFFFFFF), np.uint64)


def bits(key, shape):
    """`jax.random.bits` with partitionable threefry: both words of each counter, joined."""
    size = int(np.prod(shape))
    return np.array([a ^ b for a, b in (threefry(key, i >> 32, i & 0xFFFFFFFF) for i in range(size))], np.uint64).reshape(shape)


def uniform(key, shape):
    return (bits(key, shape) >> np.uint64(9)).astype(np.float64) * 2.0**-23


def normal(key, shape):
    low = np.nextafter(np.float32(-1), np.float32(0))
    return np.sqrt(2) * special.erfinv(uniform(key, shape) * (1.0 - low) + low)


def truncated_normal(key, shape, low, high):
    a, b = special.erf(low / np.sqrt(2)), special.erf(high / np.sqrt(2))
    return np.clip(np.sqrt(2) * special.erfinv(a + (b - a) * uniform(key, shape)), low, high)


def gumbel(key, shape):
    return -np.log(-np.log(np.maximum(uniform(key, shape), 2.0**-126)))


def randint(key, shape, low, high):
    first, second = words(key, 0), words(key, 1)
    span = high - low
    factor = (2**16 % span) ** 2 % 2**32 % span
    joined = [(int(h) % span * factor + int(l) % span) % 2**32 % span for h, l in
              zip(bits(first, shape).ravel(), bits(second, shape).ravel())]
    return np.array(joined).reshape(shape) + low


def permutation(key, n):
    x = np.arange(n)
    for _ in range(int(np.ceil(3 * np.log(max(1, n)) / np.log(2**32 - 1)))):
        key, now = words(key, 0), words(key, 1)
        x = x[np.argsort(bits(now, (n,)), kind="stable")]
    return x


ACTIVE, OTHER = ((0, 0), (1, 1)), ((0, 0), (0, 1))


def dense(blocks, fill=0, cells=ACTIVE):
    """Blocks of 2 by 2 pixels at cells of a grid of 2 by 2."""
    y = np.zeros((1, 4, 4, blocks.shape[-1]), blocks.dtype) + np.asarray(fill, blocks.dtype)
    for (row, column), block in zip(cells, blocks):
        y[0, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2] = block
    return y


def at_blocks(x):
    return np.stack([x[0, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2] for i, j in ACTIVE])


def active(y):
    """Zero but in active cells, whatever their size."""
    side = y.shape[1] // 2
    return y * np.kron(np.eye(2), np.ones((side, side)))[None, :, :, None]


def voxels(blocks):
    """Pixels one after the other, by rows of the image."""
    return blocks.reshape(8, 1, 1, blocks.shape[-1])


TWICE, ONCE = np.array([[0, 1], [2, 0], [0, 1], [3, 2]]).T, np.array([[0, 1], [0, 2], [2, 0], [3, 2]]).T


def matrix(values, indices=TWICE):
    y = np.zeros((4, 3, *values.shape[1:]), values.dtype)
    np.add.at(y, tuple(indices), values)
    return y


def number(v):
    v = float(v)
    return v if np.isfinite(v) else str(v)


def plain(x):
    x = np.asarray(x)
    return {"shape": list(x.shape), "values": [number(v) for v in x.ravel()]}


