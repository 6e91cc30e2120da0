/** @file Linear algebra, in functions that do not depend on the signs of vectors. */
import { t } from "./public_calls.ts";
import type { Tensor } from "../../tensor/mod.ts";
import { floats, type OpRow, row } from "./op_row.ts";

const { linalg } = t;
const turned = (x: Tensor) => t.swapaxes(x, -1, -2);
/** A symmetric matrix with eigenvalues above 1 and well apart. */
const positive = (x: Tensor) => {
  const n = x.shape.at(-1)!;
  const diagonal = t.cast(t.diag(t.arange(1, n + 1, { dtype: "float32" })), x.dtype);
  return t.add(t.mul(t.matmul(x, turned(x)), 0.1), diagonal);
};
/** A matrix that is far from singular. */
const regular = (x: Tensor) => t.add(x, t.mul(t.eye(x.shape.at(-1)!, { dtype: x.dtype }), 3));
/** Singular values well apart. */
const apart = (x: Tensor) => {
  const [m, n] = [x.shape.at(-2)!, x.shape.at(-1)!];
  const places = t.mul(t.eye(m, { columns: n, dtype: x.dtype }), t.arange(1, n + 1, { dtype: "float32" }));
  return t.add(t.mul(x, 0.3), t.cast(places, x.dtype));
};
/** The projection on the columns that complete a basis of n: it does not depend on which they are. */
const beyond = (q: Tensor, n: number) => {
  const rest = t.at(q, ["...", { start: n }]).get();
  return t.matmul(rest, rest, { transposeB: true });
};
const flat = (...parts: readonly Tensor[]) => t.concat(parts.map((x) => t.reshape(x, [-1])));
const tolerance = { absolute: 2e-5, relative: 2e-5 };
/** One case each: shaders of loops take seconds to compile on a software adapter. Other sizes have tests of their own. */
const SQUARE = [floats([2, 3, 3])];
const RIGHT = [floats([2, 3, 3], [2, 3, 2])];
const square = t.ones([2, 3]);

/** Each with its gradients. */
export const LINALG_ROWS: readonly OpRow[] = [
  row("cholesky", (x) => linalg.cholesky(positive(x)), SQUARE, { tolerance, rejects: [() => linalg.cholesky(square)] }),
  row("triangularSolve", (a, b) => linalg.triangularSolve(regular(a), b), RIGHT, {
    tolerance,
    rejects: [() => linalg.triangularSolve(square, square), () => linalg.triangularSolve(t.ones([2, 2]), t.ones([3]))],
  }),
  row(
    "triangularSolve, lower, transposed, with ones",
    (a, b) => linalg.triangularSolve(a, b, { lower: true, transpose: true, unitDiagonal: true }),
    RIGHT,
    { tolerance },
  ),
  row("solve", (a, b) => linalg.solve(regular(a), b), RIGHT, {
    tolerance,
    rejects: [() => linalg.solve(square, square)],
  }),
  row("inv", (x) => linalg.inv(regular(x)), SQUARE, { tolerance, rejects: [() => linalg.inv(square)] }),
  row("det", (x) => linalg.det(x), [floats([4, 4])], {
    tolerance,
    rejects: [() => linalg.det(square)],
  }),
  row("slogdet", (x) => t.mul(linalg.slogdet(regular(x)).logDet, linalg.slogdet(x).sign), SQUARE, {
    tolerance,
  }),
  row(
    "qr",
    (x) => {
      const { q, r } = linalg.qr(apart(x));
      return flat(q, r);
    },
    [floats([4, 3]), floats([2, 3, 4]), floats([2, 2, 2])],
    { tolerance },
  ),
  row("qr, complete", (x) => beyond(linalg.qr(apart(x), { mode: "complete" }).q, 2), [floats([4, 2])], {
    tolerance,
    rejects: [() => linalg.qr(t.ones([3]), { mode: "complete" })],
  }),
  row("svd, full", (x) => beyond(linalg.svd(apart(x), { fullMatrices: true }).u, 2), [floats([3, 2])], {
    tolerance: { absolute: 5e-5, relative: 5e-5 },
  }),
  row(
    "eigh",
    (x) => {
      const { eigenvalues, eigenvectors } = linalg.eigh(positive(x));
      return flat(eigenvalues, t.square(eigenvectors));
    },
    [floats([4, 4]), floats([2, 3, 3]), floats([1, 1]), floats([2, 2]), floats([9, 9])],
    {
      tolerance: { absolute: 5e-5, relative: 5e-5 },
      rejects: [() => linalg.eigh(square)],
    },
  ),
  row(
    "svd",
    (x) => {
      const { u, s, vt } = linalg.svd(apart(x));
      return flat(t.square(u), s, t.square(vt));
    },
    [floats([4, 3]), floats([2, 2, 4]), floats([3, 3]), floats([1, 1])],
    {
      tolerance: { absolute: 5e-5, relative: 5e-5 },
      rejects: [() => linalg.svd(t.ones([3]))],
    },
  ),
  row("pinv", (x) => linalg.pinv(apart(x)), [floats([4, 3])], { tolerance }),
  row("lstsq", (a, b) => linalg.lstsq(apart(a), b).x, [floats([4, 3], [4, 2])], { tolerance }),
  row("matrixPower", (x) => linalg.matrixPower(regular(x), -3), [floats([3, 3])], { tolerance }),
  row("nuclear norm", (x) => linalg.matrixNorm(apart(x), { order: "nuc" }), [floats([2, 3, 2])], { tolerance }),
];
