/** @file Loops, choices and custom rules as operations, and the operations of the entry for kernels. */
import { t } from "../../support/public_calls.ts";
import * as k from "../../../tensor/kernel.ts";
import type { Tensor } from "../../../tensor/mod.ts";
import { floats, within } from "../../support/op_row.ts";
import { type ConformanceRow, op } from "../row.ts";

const x34 = floats([3, 4]);
const positive = within([0.5, 2], [3, 4]);
const swish = (x: Tensor) => t.mul(x, t.sigmoid(x));

const PROGRAMS: readonly ConformanceRow[] = [
  op(
    "scan",
    (init, xs) => t.scan((c: Tensor, x: Tensor) => [t.tanh(t.add(t.mul(c, 0.5), x)), t.square(c)] as const, init!, xs!),
    floats([4], [3, 4]),
    "scan(lambda c, x: (np.tanh(c * 0.5 + x), np.square(c)), a, b)",
  ),
  op(
    "associativeScan",
    (x) => t.associativeScan((p: Tensor, q: Tensor) => t.add(t.mul(p, q), t.add(p, q)), x),
    x34,
    "accumulate(lambda p, q: p * q + (p + q), a)",
  ),
  op(
    "foriLoop",
    (x) => t.foriLoop<Tensor>(0, 3, (i, c) => t.add(t.sin(c), t.cast(i, c.dtype)), x),
    x34,
    "np.sin(np.sin(np.sin(a)) + 1) + 2",
  ),
  op(
    "whileLoop",
    (x) =>
      t.whileLoop((c: Tensor) => t.less(t.sum(t.abs(c)), 50), (c: Tensor) => t.mul(c, 2), x, { maxIterations: 20 }),
    x34,
    "a * 2.0 ** np.ceil(np.log2(50 / np.sum(np.abs(a))))",
    { kind: "unbounded" },
  ),
  op(
    "cond",
    (x) => t.cond(t.greater(t.sum(x), 0), (x: Tensor) => t.sin(x), (x: Tensor) => t.cos(x), x),
    x34,
    "np.sin(a) if np.sum(a) > 0 else np.cos(a)",
  ),
  op(
    "switchCase",
    (x) => t.switchCase(1, [t.sin, t.cos, t.tanh] as ((x: Tensor) => Tensor)[], x),
    x34,
    "np.cos(a)",
  ),
  op("checkpoint", (x) => t.checkpoint((x: Tensor) => t.sin(t.exp(x)))(x), x34, "np.sin(np.exp(a))"),
  op(
    "customVjp",
    (x) =>
      t.customVjp((x: Tensor) => swish(x), ([x], _, cotangent) => {
        const s = t.sigmoid(x);
        return [t.mul(cotangent, t.add(s, t.mul(t.mul(x, s), t.sub(1, s))))];
      })(x),
    x34,
    "a * special.expit(a)",
  ),
  op(
    "customJvp",
    (x) => t.customJvp((x: Tensor) => t.log(x), ([x], _, [tangent]) => t.div(tangent, x))(x),
    positive,
    "np.log(a)",
  ),
];

const int32 = (values: readonly number[], shape?: readonly number[]) =>
  t.tensor(Int32Array.from(values), shape ? { shape } : {});
const BOXES = t.tensor([[0, 0, 7, 5], [1, 2, 6, 6]]);
const WINDOWS = k.windowMap(2, [4, 3], [3, 3], { stride: [1, 1], padding: [[1, 1], [1, 1]], dilation: [1, 1] });

const KERNELS: readonly ConformanceRow[] = [
  op(
    "roiAlign",
    (x) =>
      k.roiAlign([x], BOXES, { image: int32([0, 0]), level: int32([0, 0]) }, {
        ...{ size: [2, 2], scales: [1], sampling: 2, aligned: false },
      }),
    floats([1, 8, 9, 2]),
    "roi_align(a, [[0, 0, 0, 7, 5], [0, 1, 2, 6, 6]], 2, 2)",
    { tolerance: { absolute: 1e-5, relative: 1e-5 } },
  ),
  op(
    "suppress",
    (x) => k.suppress(t.add(x, t.tensor([0, 0, 2, 2])), int32([1, 1, 1, 1, 1, 1]), { threshold: 0.3 }),
    within([0, 1], [6, 4]),
    "suppressed(a + np.array([0, 0, 2, 2]), 0.3)",
  ),
  op(
    "maskAlign",
    (x) =>
      k.maskAlign(int32([0x1b, 0x0e, 0x1f, 0x04], [1, 4, 1]), t.add(t.mul(x, 0), t.tensor([0, 0, 4, 4])), int32([0]), {
        ...{ size: [2, 2], width: 5, sampling: 2, aligned: false },
      }),
    floats([1, 4]),
    "roi_align(np.array([[1,1,0,1,1],[0,1,1,1,0],[1,1,1,1,1],[0,0,1,0,0]], float)[None, :, :, None], [[0, 0, 0, 4, 4]], 2, 2)[..., 0] + 0 * np.sum(a)",
    { tolerance: { absolute: 1e-5, relative: 1e-5 } },
  ),
  op(
    "kernelMapConv",
    (x, w) => k.kernelMapConv(x!, w!, WINDOWS),
    floats([24, 3], [9, 3, 4]),
    "conv(a.reshape(2, 4, 3, 3), b.reshape(3, 3, 3, 4), 1, 1).reshape(24, 4)",
    {
      tolerance: { absolute: 1e-5, relative: 1e-5 },
      rejects: [() => k.kernelMapConv(t.ones([24, 2]), t.ones([9, 3, 4]), WINDOWS)],
    },
  ),
  op(
    "sumPoolByMap",
    (x) => k.sumPoolByMap(x, WINDOWS),
    floats([24, 2]),
    "pool(F.avg_pool2d, a.reshape(2, 4, 3, 2), 3, 1, 1).reshape(24, 2) * 9",
  ),
  op(
    "maxPoolByMap",
    (x) => k.maxPoolByMap(x, WINDOWS),
    floats([24, 2]),
    "pool(F.max_pool2d, a.reshape(2, 4, 3, 2), 3, 1, 1).reshape(24, 2)",
  ),
];

/** Loops, choices, custom rules, operations of the entry for kernels. */
export const PROGRAM_ROWS: readonly ConformanceRow[] = [...PROGRAMS, ...KERNELS];
