/** @file Products, convolutions, pools, images, linear algebra and spectra. */
import { t } from "../../support/public_calls.ts";
import type { Tensor } from "../../../tensor/mod.ts";
import { floats } from "../../support/op_row.ts";
import { type ConformanceRow, op } from "../row.ts";

const loose = { absolute: 2e-5, relative: 2e-5 };
const matrices = floats([3, 4], [4, 2]);
const { linalg, fft } = t;
const turned = (x: Tensor) => t.swapaxes(x, -1, -2);
const positive = (x: Tensor) => {
  const product = t.matmul(t.mul(x, 0.1), turned(x));
  return t.add(product, t.cast(t.diag(t.arange(1, x.shape.at(-1)! + 1)), product.dtype));
};
const regular = (x: Tensor) => t.add(x, t.mul(t.eye(x.shape.at(-1)!), 3));
const apart = (x: Tensor) => {
  const [m, n] = [x.shape.at(-2)!, x.shape.at(-1)!];
  const places = t.mul(t.eye(m, { columns: n }), t.arange(1, n + 1, { dtype: "float32" }));
  const scaled = t.mul(x, 0.3);
  return t.add(scaled, t.cast(places, scaled.dtype));
};
const square = t.ones([2, 3]);

const PRODUCTS: readonly ConformanceRow[] = [
  op("matmul", (x, y) => t.matmul(x, y), matrices, "np.matmul(a, b)", {
    rejects: [() => t.matmul(t.ones([2, 3]), t.ones([2, 4]))],
  }),
  op("dot", t.dot, matrices, "np.dot(a, b)", { rejects: [() => t.dot(square, square)] }),
  op("vdot", t.vdot, floats([5], [5]), "np.vdot(a, b)", { rejects: [() => t.vdot(square, t.ones([3]))] }),
  op("outer", t.outer, floats([3], [4]), "np.outer(a, b)"),
  op("tensordot", (x, y) => t.tensordot(x!, y!, 1), matrices, "np.tensordot(a, b, 1)", {
    rejects: [() => t.tensordot(square, square, 1)],
  }),
  op("kron", t.kron, floats([2, 3], [3, 2]), "np.kron(a, b)"),
  op(
    "einsum",
    (x, y, z) => t.einsum("bij,kj,k...->...ib", x!, y!, z!),
    floats([2, 3, 4], [5, 4], [5, 2]),
    "np.einsum('bij,kj,k...->...ib', a, b, c)",
    { rejects: [() => t.einsum("ii", square)] },
  ),
];

const CONVOLUTIONS: readonly ConformanceRow[] = [
  op("conv1d", (x, w) => t.conv1d(x!, w!, { stride: 2, padding: 1 }), floats([2, 9, 3], [3, 3, 4]), "conv(a, b, 2, 1)"),
  op(
    "conv2d",
    (x, w) => t.conv2d(x!, w!, { stride: 2, padding: 1, groups: 2 }),
    floats([2, 5, 6, 4], [3, 3, 2, 6]),
    "conv(a, b, 2, 1, groups=2)",
    { rejects: [() => t.conv2d(t.ones([1, 4, 4, 3]), t.ones([3, 3, 2, 4]))] },
  ),
  op(
    "conv3d",
    (x, w) => t.conv3d(x!, w!, { padding: 1 }),
    floats([1, 3, 4, 3, 2], [3, 3, 3, 2, 3]),
    "conv(a, b, 1, 1)",
  ),
  op(
    "convTranspose1d",
    (x, w) => t.convTranspose1d(x!, w!, { stride: 2 }),
    floats([2, 4, 3], [3, 2, 3]),
    "convT(a, b, 2)",
  ),
  op(
    "convTranspose2d",
    (x, w) => t.convTranspose2d(x!, w!, { stride: 2, padding: 1 }),
    floats([2, 3, 2, 4], [4, 4, 3, 4]),
    "convT(a, b, 2, 1)",
    { rejects: [() => t.convTranspose2d(t.ones([1, 2, 2, 3]), t.ones([4, 4, 3, 4]))] },
  ),
  op(
    "convTranspose3d",
    (x, w) => t.convTranspose3d(x!, w!, { stride: 2 }),
    floats([1, 2, 2, 3, 2], [2, 3, 2, 3, 2]),
    "convT(a, b, 2)",
  ),
  op(
    "maxPool2d",
    (x) => t.maxPool2d(x, { kernel: 3, stride: 2, padding: 1 }),
    floats([2, 4, 5, 2]),
    "pool(F.max_pool2d, a, 3, 2, 1)",
  ),
  op(
    "avgPool2d",
    (x) => t.avgPool2d(x, { kernel: 3, stride: 2, padding: 1 }),
    floats([2, 4, 5, 2]),
    "pool(F.avg_pool2d, a, 3, 2, 1)",
  ),
  op(
    "adaptiveAvgPool2d",
    (x) => t.adaptiveAvgPool2d(x, [3, 2]),
    floats([1, 5, 4, 2]),
    "pool(F.adaptive_avg_pool2d, a, (3, 2))",
  ),
  op(
    "adaptiveMaxPool2d",
    (x) => t.adaptiveMaxPool2d(x, [3, 2]),
    floats([1, 5, 4, 2]),
    "pool(F.adaptive_max_pool2d, a, (3, 2))",
  ),
  op(
    "resize",
    (x) => t.resize(x, [3, 7], { method: "bicubic", antialias: true }),
    floats([1, 5, 4, 2]),
    "pool(F.interpolate, a, (3, 7), mode='bicubic', antialias=True, align_corners=False)",
    { rejects: [() => t.resize(t.ones([1, 5, 4, 2]), [3])], tolerance: loose },
  ),
];

const LINALG: readonly ConformanceRow[] = [
  op("linalg.cholesky", (x) => linalg.cholesky(positive(x!)), floats([2, 3, 3]), "np.linalg.cholesky(positive(a))"),
  op(
    "linalg.triangularSolve",
    (a, b) => linalg.triangularSolve(regular(a), b),
    floats([3, 3], [3, 2]),
    "linalg.solve_triangular(regular(a), b)",
  ),
  op(
    "linalg.solve",
    (a, b) => linalg.solve(regular(a), b),
    floats([2, 3, 3], [2, 3, 2]),
    "np.linalg.solve(regular(a), b)",
  ),
  op("linalg.inv", (x) => linalg.inv(regular(x!)), floats([2, 3, 3]), "np.linalg.inv(regular(a))"),
  op("linalg.det", (x) => linalg.det(x!), floats([4, 4]), "np.linalg.det(a)"),
  op("linalg.slogdet", (x) => Object.values(linalg.slogdet(x!)), floats([2, 3, 3]), "np.linalg.slogdet(a)"),
  op(
    "linalg.qr",
    (x) => {
      const { q, r } = linalg.qr(apart(x!));
      return [t.square(q), t.square(r)];
    },
    floats([4, 3]),
    "[np.square(y) for y in np.linalg.qr(apart(a))]",
  ),
  op(
    "linalg.eigh",
    (x) => {
      const { eigenvalues, eigenvectors } = linalg.eigh(positive(x!));
      return [eigenvalues, t.square(eigenvectors)];
    },
    floats([4, 4]),
    "[f(y) for f, y in zip((np.array, np.square), np.linalg.eigh(positive(a)))]",
  ),
  op("linalg.eigvalsh", (x) => linalg.eigvalsh(positive(x!)), floats([3, 3]), "np.linalg.eigvalsh(positive(a))"),
  op(
    "linalg.svd",
    (x) => {
      const { u, s, vt } = linalg.svd(apart(x!));
      return [t.square(u), s, t.square(vt)];
    },
    floats([4, 3]),
    "[f(y) for f, y in zip((np.square, np.array, np.square), np.linalg.svd(apart(a), False))]",
  ),
  op("linalg.pinv", (x) => linalg.pinv(apart(x!)), floats([4, 3]), "np.linalg.pinv(apart(a))"),
  op(
    "linalg.lstsq",
    (a, b) => linalg.lstsq(apart(a), b).x,
    floats([4, 3], [4, 2]),
    "np.linalg.lstsq(apart(a), b, None)[0]",
  ),
  op(
    "linalg.matrixPower",
    (x) => linalg.matrixPower(regular(x!), -3),
    floats([3, 3]),
    "np.linalg.matrix_power(regular(a), -3)",
  ),
  op(
    "linalg.matrixNorm",
    (x) => linalg.matrixNorm(apart(x!), { order: "nuc" }),
    floats([3, 2]),
    "np.linalg.norm(apart(a), 'nuc')",
  ),
  op("linalg.matrixRank", (x) => linalg.matrixRank(x!), floats([4, 3]), "np.linalg.matrix_rank(a)"),
  op("linalg.norm", (x) => linalg.norm(x!, { axis: 1 }), floats([3, 4]), "np.linalg.norm(a, axis=1)"),
].map((row) => ({ ...row, tolerance: { absolute: 1e-4, relative: 1e-4 }, rejects: rejectsOf(row.name) }));

function rejectsOf(name: string): ConformanceRow["rejects"] {
  const f = (linalg as unknown as Record<string, (...xs: unknown[]) => unknown>)[name.slice(7)]!;
  const twice = ["linalg.solve", "linalg.triangularSolve", "linalg.lstsq"].includes(name);
  if (name === "linalg.norm") return [() => linalg.norm(t.ones([2]), { axis: 1 })];
  return [() => twice ? f(t.ones([3]), square) : name === "linalg.matrixPower" ? f(square, 2) : f(t.ones([3]))];
}

const z = floats([2, 6], [2, 6]);
const both = ({ re, im }: { readonly re: Tensor; readonly im: Tensor }) => [re, im];
const SPECTRA: readonly ConformanceRow[] = [
  op("fft.fft", (x, y) => both(fft.fft({ re: x!, im: y! })), z, "parts(np.fft.fft(a + 1j * b))", {
    rejects: [() => fft.fft(t.ones([3]), { axis: 1 })],
  }),
  op("fft.ifft", (x, y) => both(fft.ifft({ re: x!, im: y! })), z, "parts(np.fft.ifft(a + 1j * b))", {
    rejects: [() => fft.ifft(t.ones([3]), { axis: 1 })],
  }),
  op("fft.rfft", (x) => both(fft.rfft(x)), floats([2, 7]), "parts(np.fft.rfft(a))"),
  op(
    "fft.irfft",
    (x, y) => fft.irfft({ re: x!, im: y! }, { size: 9 }),
    floats([2, 5], [2, 5]),
    "np.fft.irfft(a + 1j * b, 9)",
  ),
  op("fft.fftfreq", () => fft.fftfreq(7, { spacing: 0.5 }), { inputs: [] }, "np.fft.fftfreq(7, 0.5)", { exact: 1e-7 }),
  op("fft.fftshift", (x) => fft.fftshift(x), floats([3, 4]), "np.fft.fftshift(a)"),
  op("fft.ifftshift", (x) => fft.ifftshift(x), floats([3, 5]), "np.fft.ifftshift(a)"),
].map((row) => ({ ...row, tolerance: loose }));

/** Products, convolutions, pools, images, linear algebra and spectra. */
export const PRODUCT_ROWS: readonly ConformanceRow[] = [...PRODUCTS, ...CONVOLUTIONS, ...LINALG, ...SPECTRA];
