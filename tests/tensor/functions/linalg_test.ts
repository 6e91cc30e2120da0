import { deepStrictEqual, ok, throws } from "node:assert/strict";
import * as t from "../../../tensor/mod.ts";
import type { Tensor } from "../../../tensor/mod.ts";
import golden from "../../golden/linalg_numpy.json" with { type: "json" };
import { assertClose } from "../../support/assert_close.ts";
import { testWebgpu } from "../../support/device_or_skip.ts";
import { type GoldenRow, testGolden } from "../../support/golden_rows.ts";

const { linalg } = t;
const turned = (x: Tensor) => t.swapaxes(x, -1, -2);
const spd = (a: Tensor) => t.matmul(a, turned(a));
const first = (x: Tensor) => t.at(x, 0).get();
const close = { absolute: 2e-5, relative: 2e-5 };

/** Of arrays a, b and one of rank 2; vectors are compared without their signs. */
const ROWS: readonly GoldenRow[] = [
  ["cholesky", (a) => linalg.cholesky(spd(a!)), golden.cholesky, close],
  ["solve", (a, b) => linalg.solve(a!, b!), golden.solve, close],
  ["inv", (a) => linalg.inv(a!), golden.inv, close],
  ["det", (a) => linalg.det(a!), golden.det, close],
  ["det of 3", (a) => linalg.det(t.at(a!, [{}, { stop: 3 }, { stop: 3 }]).get()), golden.det3, close],
  ["slogdet: sign", (a) => linalg.slogdet(a!).sign, golden.sign],
  ["slogdet: logDet", (a) => linalg.slogdet(a!).logDet, golden.logDet, close],
  ["eigenvalues", (a) => linalg.eigvalsh(spd(a!)), golden.eigenvalues, { absolute: 1e-3, relative: 1e-5 }],
  ["eigenvectors", (a) => t.abs(linalg.eigh(spd(a!)).eigenvectors), golden.eigenvectors, { absolute: 1e-4 }],
  ["svd: s", (_, b) => linalg.svd(b!).s, golden.s, close],
  ["svd: u", (_, b) => t.abs(linalg.svd(b!).u), golden.u, close],
  ["svd: vt", (_, b) => t.abs(linalg.svd(b!).vt), golden.vt, close],
  ["svd of wide", (_, b) => t.abs(linalg.svd(turned(b!)).u), { ...golden.vt, ...transposedVt() }, close],
  ["qr: q", (_, b) => t.abs(linalg.qr(first(b!)).q), golden.q, close],
  ["qr: r", (_, b) => t.abs(linalg.qr(first(b!)).r), golden.r, close],
  ["qr, complete: q", (_, b) => t.abs(linalg.qr(first(b!), { mode: "complete" }).q), golden.qComplete, close],
  ["qr, complete: r", (_, b) => t.abs(linalg.qr(first(b!), { mode: "complete" }).r), golden.rComplete, close],
  ["svd, full: u", (_, b) => t.abs(linalg.svd(b!, { fullMatrices: true }).u), golden.uFull, close],
  [
    "svd of wide, full: vt",
    (_, b) => t.abs(turned(linalg.svd(turned(b!), { fullMatrices: true }).vt)),
    golden.uFull,
    close,
  ],
  ["pinv", (_, b) => linalg.pinv(b!), golden.pinv, close],
  ["pinv of rank 2", (_a, _b, low) => linalg.pinv(low!), golden.pinvLow, close],
  ["lstsq", (a, b) => linalg.lstsq(first(b!), t.at(a!, [0, {}, { stop: 2 }]).get()).x, golden.lstsq, close],
  [
    "lstsq: residuals",
    (a, b) => linalg.lstsq(first(b!), t.at(a!, [0, {}, { stop: 2 }]).get()).residuals,
    golden.residuals,
    close,
  ],
  ["lstsq of rank 2", (a, _, low) => linalg.lstsq(low!, t.at(a!, [0, {}, 0]).get()).x, golden.shortest, close],
  ["matrixRank", (_a, _b, low) => linalg.matrixRank(low!), golden.rank],
  ["matrixPower", (a) => linalg.matrixPower(a!, 3), golden.power, close],
  ["matrixPower, back", (a) => linalg.matrixPower(a!, -2), golden.powerBack, close],
  ["Frobenius' norm", (_, b) => linalg.matrixNorm(b!), golden.fro, close],
  ["nuclear norm", (_, b) => linalg.matrixNorm(b!, { order: "nuc" }), golden.nuc, close],
  ["norm 1", (_, b) => linalg.matrixNorm(b!, { order: 1 }), golden.one],
  ["norm 2", (_, b) => linalg.matrixNorm(b!, { order: 2 }), golden.two, close],
  ["norm -2", (_, b) => linalg.matrixNorm(b!, { order: -2 }), golden.least, close],
  ["norm of rows", (_, b) => linalg.matrixNorm(b!, { order: Infinity }), golden.rows],
  ["least norm of rows", (_, b) => linalg.matrixNorm(b!, { order: -Infinity }), golden.leastRow],
];

/** The transposed right vectors: what the left ones of the transposed matrix are. */
function transposedVt() {
  const [batch, n, m] = golden.vt.shape as [number, number, number];
  const values = Array.from({ length: batch * n * m }, (_, t) => {
    const [k, i, j] = [Math.floor(t / (n * m)), Math.floor(t / n) % m, t % n];
    return golden.vt.values[(k * n + j) * m + i]!;
  });
  return { shape: [batch, m, n], values };
}

testGolden("NumPy", [golden.a, golden.b, golden.low], ROWS);

/** How far factors of a matrix are from it, and from what they should be. */
const ERRORS: Readonly<Record<string, (x: Tensor) => readonly Tensor[]>> = {
  cholesky: (x) => {
    const l = linalg.cholesky(t.add(spd(x), t.eye(x.shape.at(-1)!)));
    return [t.sub(t.matmul(l, turned(l)), t.add(spd(x), t.eye(x.shape.at(-1)!)))];
  },
  eigh: (x) => {
    const s = t.mul(t.add(x, turned(x)), 0.5);
    const { eigenvalues, eigenvectors: v } = linalg.eigh(s);
    const product = t.matmul(t.mul(v, t.expandDims(eigenvalues, { axis: -2 })), turned(v));
    return [t.sub(product, s), t.sub(t.matmul(turned(v), v), t.eye(x.shape.at(-1)!))];
  },
  svd: (x) => {
    const { u, s, vt } = linalg.svd(x);
    const product = t.matmul(t.mul(u, t.expandDims(s, { axis: -2 })), vt);
    return [t.sub(product, x), t.sub(t.matmul(turned(u), u), t.eye(s.shape.at(-1)!))];
  },
  qr: (x) => {
    const { q, r } = linalg.qr(x);
    return [t.sub(t.matmul(q, r), x), t.sub(t.matmul(turned(q), q), t.eye(q.shape.at(-1)!))];
  },
  inv: (x) => {
    const regular = t.add(x, t.mul(t.eye(x.shape.at(-1)!), 9));
    return [t.sub(t.matmul(regular, linalg.inv(regular)), t.eye(x.shape.at(-1)!))];
  },
};

/** Ordinary, odd, cut into several passes on a software adapter, of rank one, of nothing. */
const MATRICES: Readonly<Record<string, () => Tensor>> = {
  "3 of 7 × 7": () => t.random.normal(t.random.key(1), [3, 7, 7]),
  "40 × 40": () => t.random.normal(t.random.key(2), [40, 40]),
  "rank one": () => t.ones([5, 5]),
  "one element": () => t.full([1, 1], -3),
  "two columns": () => t.random.normal(t.random.key(3), [2, 2]),
  "no matrices": () => t.zeros([0, 2, 2]),
  "zeros": () => t.zeros([3, 3]),
};

async function check(device: t.Device): Promise<void> {
  // On the software adapter each size takes seconds to compile.
  const some = device.name === "webgpu" ? ["40 × 40", "rank one"] : Object.keys(MATRICES);
  for (const matrix of some) {
    const make = MATRICES[matrix]!;
    for (const [name, errors] of Object.entries(ERRORS)) {
      for (const error of t.jit(errors, { device })(make())) {
        const worst = Math.max(0, ...(await error.data({ device })).map(Math.abs));
        ok(worst < 2e-4, `${name} of ${matrix} is ${worst} off on ${device.name}`);
      }
    }
  }
}

Deno.test("factors multiply to the matrix, vectors are orthonormal, on the cpu", () => check(t.cpuDevice()));
testWebgpu("factors multiply to the matrix, vectors are orthonormal, on webgpu", check);

Deno.test("Matrices that are singular or not positive say so in their numbers; batches are mapped", async () => {
  const singular = t.tensor([[1, 2], [2, 4]]);
  deepStrictEqual(await linalg.det(singular).item(), 0);
  deepStrictEqual([...await linalg.inv(singular).data()].every((x) => !Number.isFinite(x)), true);
  ok((await linalg.cholesky(t.tensor([[1, 2], [2, 1]])).data()).some(Number.isNaN));
  const four = t.tensor([[0, 0, 0, 2], [0, 1, 0, 0], [0, 0, 3, 0], [5, 0, 0, 0]]);
  deepStrictEqual(await linalg.det(four).item(), -30);
  const { sign, logDet } = linalg.slogdet(t.zeros([2, 2]));
  deepStrictEqual([await sign.item(), await logDet.item()], [0, -Infinity]);
  const many = t.random.normal(t.random.key(3), [3, 4, 4]);
  deepStrictEqual(await t.vmap(linalg.inv)(many).data(), await linalg.inv(many).data());
  deepStrictEqual(
    await t.vmap(linalg.solve, { inAxes: [0, null] })(many, t.ones([4])).data(),
    await linalg.solve(many, t.ones([4, 1])).data(),
  );
  throws(() => linalg.matrixPower(four, 0.5), RangeError);
  throws(() => linalg.matrixNorm(four, { order: 3 }), RangeError);
});

/** Functions of a matrix and a vector. */
const OF_ANY: Readonly<Record<string, (a: Tensor, b: Tensor) => unknown>> = {
  ...{ cholesky: linalg.cholesky, det: linalg.det, inv: linalg.inv, slogdet: linalg.slogdet, eigh: linalg.eigh },
  ...{ solve: linalg.solve, lstsq: linalg.lstsq, triangularSolve: linalg.triangularSolve },
  svd: (a) => linalg.svd(a),
  qr: (a) => linalg.qr(a),
  pinv: (a) => linalg.pinv(a),
  rank: (a) => linalg.matrixRank(a),
  norm: (a) => linalg.matrixNorm(a, { order: 1 }),
  power: (a) => linalg.matrixPower(a, -2),
};

Deno.test("Integers and bools are taken as float32, and dtypes beside each other are promoted, as in NumPy", async () => {
  const device = t.cpuDevice();
  const of = async (f: (a: Tensor, b: Tensor) => unknown, a: Tensor, b: Tensor) =>
    await Promise.all(t.treeLeaves<unknown>(f(a, b)).map(async (x) => [...await (x as Tensor).data({ device })]));
  const [a, b] = [t.tensor([[4, 1, 0], [1, 3, 1], [0, 1, 1]]), t.tensor([1, 0, 1])];
  for (const [name, f] of Object.entries(OF_ANY)) {
    const wanted = await of(f, a, b);
    for (const dtype of ["int32", "uint8", "float16"] as const) {
      deepStrictEqual(await of(f, t.cast(a, dtype === "float16" ? "int8" : dtype), t.cast(b, "int32")), wanted, name);
      deepStrictEqual(await of(f, a, t.cast(b, dtype)), wanted, `${name} beside ${dtype}`);
    }
  }
  const counts = linalg.matrixPower(t.cast(a, "int32"), 3);
  deepStrictEqual([counts.dtype, ...await counts.data({ device })].slice(0, 3), ["int32", 75, 39]);
  deepStrictEqual(await linalg.det(t.tensor([[true, false], [true, true]])).item({ device }), 1);
});

Deno.test("A system solved in every turn of a scan is one solved in every turn of a loop, with its gradient", async () => {
  const matrices = t.add(t.random.normal(t.random.key(0), [3, 3, 3]), t.mul(t.eye(3), 4));
  const turns = (xs: Tensor) => t.sum(t.scan((c: Tensor, x: Tensor) => [linalg.solve(x, c), null], t.ones([3]), xs)[0]);
  const loop = (xs: Tensor) => t.sum([0, 1, 2].reduce((c, i) => linalg.solve(t.at(xs, i).get(), c), t.ones([3])));
  const device = t.cpuDevice();
  const [one, other] = [turns, loop].map((f) => t.jit(t.grad(f), { device })(matrices));
  assertClose(await one!.data({ device }), await other!.data({ device }));
});
