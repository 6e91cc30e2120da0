/** @file Parts of detectors, beside torchvision's; exchanges between processes, of one: those of several have tests of their own. */
import { nn, t } from "../../support/public_calls.ts";
import type { Tensor } from "../../../tensor/mod.ts";
import { floats, within } from "../../support/op_row.ts";
import { type ConformanceRow, op } from "../row.ts";

const loose = { tolerance: { absolute: 1e-5, relative: 2e-5 } };
const unit = (weight: Tensor) => ({ conv: { weight } });
const stateless = { lateral: [{}, {}], output: [{}, {}] };

const DETECTION: readonly ConformanceRow[] = [
  op(
    "nn.fpn",
    (fine, coarse, first, second, out) => {
      const params = { lateral: [unit(first!), unit(second!)], output: [unit(out!), unit(out!)] };
      return nn.fpn(params, stateless, [fine!, coarse!]).maps;
    },
    floats([1, 4, 6, 2], [1, 2, 3, 3], [1, 1, 2, 4], [1, 1, 3, 4], [3, 3, 4, 4]),
    "pyramid(a, b, c, d, e)",
    loose,
  ),
  op(
    "nn.levelsOf",
    (x) => nn.levelsOf(t.concat([t.mul(x!, 0), x!], { axis: 1 }), { levels: 4, canonicalScale: 56 }),
    within([1, 225], [9, 2]),
    "np.clip(np.floor(2 + np.log2(np.sqrt(1.0 * a[:, 0] * a[:, 1]) / 56 + 1e-8)), 0, 3)",
  ),
  op(
    "nn.nonMaximumSuppression",
    (x, y) => {
      const kept = nn.nonMaximumSuppression(t.add(x!, t.tensor([0, 0, 2, 2])), y!, { threshold: 0.3 });
      return [kept.indices, kept.count];
    },
    within([0, 1], [6, 4], [6]),
    "kept_boxes(a + np.array([0, 0, 2, 2]), b, 0.3)",
  ),
  op(
    "nn.totalOf",
    (x, y) => nn.totalOf({ one: t.sum(x!), other: t.sum(y!) }),
    floats([3, 4], [5]),
    "np.sum(counted(a)) + np.sum(counted(b))",
  ),
];

const COLLECTIVES: readonly ConformanceRow[] = [
  op("allReduce", (x) => t.allReduce(x!, t.alone(), { op: "mean" }), floats([3, 4]), "a"),
  op("allGather", (x) => t.allGather(x!, t.alone()), floats([3, 4]), "a[None]"),
];

/** Parts of detectors, and exchanges. */
export const DETECTION_ROWS: readonly ConformanceRow[] = [...DETECTION, ...COLLECTIVES];
