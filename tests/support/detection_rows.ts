/** @file Operations of detectors. */
import { type Tensor, tensor } from "../../tensor/mod.ts";
import { maskAlign, roiAlign, suppress } from "../../tensor/kernel.ts";
import { floats, type OpCase, type OpRow, row } from "./op_row.ts";

const int32 = (values: readonly number[]) => tensor(Int32Array.from(values));

/** Over edges, outside, without width or height, long, turned around; of two images, the last of none. */
const BOXES = [
  [[0, 0, 20, 16], [-6.5, -4.25, 3.75, 5.5], [14.75, 12.875, 29.5, 23.25], [4.5, 3.25, 4.5, 9.75]],
  [[28, 2, 32, 6], [1.25, 3, 19.5, 4], [9, 8, 3, 2], [3, 3, 9, 9]],
].flat();
const IMAGE = [0, 1, 0, 1, 0, 1, 0, 2];
const LEVEL = [0, 1, 1, 0, 0, 0, 1, 0];

const SAMPLINGS = [
  { sampling: 2, aligned: true },
  { sampling: 0, aligned: true },
  { sampling: 2, aligned: false },
  { sampling: 0, aligned: false },
];

function aligned(maps: readonly Tensor[], options: (typeof SAMPLINGS)[number]): Tensor {
  const places = { image: int32(IMAGE), level: int32(LEVEL) };
  return roiAlign(maps, tensor(BOXES), places, { size: [3, 2], scales: [0.5, 0.25].slice(0, maps.length), ...options });
}

const ROI_ALIGN: readonly OpRow[] = SAMPLINGS.map((options) =>
  row(
    `roiAlign, ${options.aligned ? "aligned" : "not aligned"}, ${options.sampling || "adaptive"}`,
    (fine, coarse) => aligned(coarse ? [fine!, coarse] : [fine!], options),
    [floats([2, 8, 10, 3], [2, 4, 5, 3]), floats([2, 8, 10, 1]), floats([2, 9, 11, 37], [2, 4, 5, 37])],
    {
      tolerance: { absolute: 1e-5, relative: 1e-5 },
      rejects: [
        () => roiAlign([], tensor(BOXES), { image: int32(IMAGE), level: int32(LEVEL) }, { size: [1, 1], scales: [] }),
        () => aligned([tensor([1])], options),
      ],
    },
  )
);

/** 41 columns: two words a row. */
const MASKS: OpCase = {
  inputs: [{ shape: [2, 9, 2], dtype: "int32", domain: [-(2 ** 31), 2 ** 31] }, {
    shape: [8, 4],
    values: BOXES.flat(),
  }],
};

/** Boxes on a coarse grid, so that many overlap by exactly the threshold. */
const GRID: OpCase = {
  inputs: [{
    shape: [3, 70, 4],
    values: Array.from({ length: 3 * 70 }, (_, i) => {
      const [x, y] = [(i * 7) % 11, (i * 5) % 13];
      return [x, y, x + 2 + i % 3, y + 2 + i % 2];
    }).flat(),
  }],
};

/** One row for each operation and choice of settings. */
export const DETECTION_ROWS: readonly OpRow[] = [
  ...ROI_ALIGN,
  ...SAMPLINGS.map((options) =>
    row(
      `maskAlign, ${options.aligned ? "aligned" : "not aligned"}, ${options.sampling || "adaptive"}`,
      (bits, boxes) => maskAlign(bits!, boxes!, int32(IMAGE), { size: [3, 3], width: 41, ...options }),
      [MASKS],
      { order: 0, rejects: [() => maskAlign(int32([1]), tensor(BOXES), int32(IMAGE), { size: [1, 1], width: 1 })] },
    )
  ),
  row("suppress by kind", (boxes) => suppress(boxes!, validOf(boxes!), { threshold: 0.25, kind: kindOf(boxes!) }), [
    GRID,
  ], {
    order: 0,
  }),
  ...[0, 0.5, 1 / 3].map((threshold) =>
    row(
      `suppress at ${threshold}`,
      (boxes) => suppress(boxes!, validOf(boxes!), { threshold }),
      [GRID],
      { order: 0, rejects: [() => suppress(tensor([[0, 0, 1, 1]]), int32([1, 1]), { threshold: 0.5 })] },
    )
  ),
];

/** Kinds of rows that alternate in no simple way. */
function kindOf({ shape }: Tensor): Tensor {
  const rows = shape.slice(0, -1);
  return tensor(Int32Array.from({ length: rows.reduce((a, b) => a * b, 1) }, (_, i) => (i * i) % 3), { shape: rows });
}

/** Every ninth row does not count. */
function validOf({ shape }: Tensor): Tensor {
  const rows = shape.slice(0, -1);
  return tensor(Int32Array.from({ length: rows.reduce((a, b) => a * b, 1) }, (_, i) => i % 9), { shape: rows });
}
