/** @file Sums of more terms than Mesa's software adapters let a shader loop over: 65,535. All numbers are whole and small. */
import { deepStrictEqual } from "node:assert/strict";
import * as t from "../../../../tensor/mod.ts";
import type { Tensor, TypedArray } from "../../../../tensor/mod.ts";
import { testWebgpu } from "../../../support/device_or_skip.ts";

const LONG = 70_001;

/** `-1, 0, 1, 2, -1, …`, a multiple of `step` apart. */
const wave = (at: number): number => (at * 7) % 4 - 1;

/** A matrix of such numbers, the second from another place on. */
function matrix(rows: number, columns: number, from: number): number[][] {
  return Array.from(
    { length: rows },
    (_, i) => Array.from({ length: columns }, (_, j) => wave(from + i + 3 * j + i * j)),
  );
}

function transposed(rows: readonly number[][]): number[][] {
  return rows[0]!.map((_, j) => rows.map((row) => row[j]!));
}

/** A product by its definition; the right factor by columns. */
function product(rows: readonly number[][], columns: readonly number[][]): number[] {
  return rows.flatMap((row) => columns.map((column) => row.reduce((sum, x, k) => sum + x * column[k]!, 0)));
}

/** How many windows of a row of 224 pixels, 7 wide, stride 2, padded by 3, see a pixel through a tap. */
function windowsOf(tap: number): number {
  return Array.from({ length: 112 }, (_, o) => 2 * o + tap - 3).filter((at) => at >= 0 && at < 224).length;
}

const ones = (...shape: number[]): Tensor => t.full(shape, 1);

/** Rows at one place of `places`, whose last row is two. */
function added(places: number, place: number): { readonly sums: () => Tensor; readonly expected: readonly number[] } {
  const updates = Float32Array.from({ length: LONG }, (_, i) => i === LONG - 1 ? 2 : 1);
  const indices = new Int32Array(LONG).fill(place);
  return {
    sums: () => t.segmentSum(t.tensor(updates), t.tensor(indices), { segments: places }),
    expected: Array.from({ length: places }, (_, i) => i === place ? LONG + 1 : 0),
  };
}

const [deep, wide] = [[matrix(2, LONG, 0), matrix(3, LONG, 1)], [
  matrix(2, 4 * LONG, 0),
  matrix(4, 4 * LONG, 1),
]] as const;
const [one, few] = [added(2, 1), added(900, 4)];

const CASES: readonly (readonly [name: string, compute: () => Tensor, expected: readonly number[]])[] = [
  ["matmul", () => t.matmul(t.tensor(deep[0]), t.tensor(transposed(deep[1]))), product(...deep)],
  ["matmul, aligned", () => t.matmul(t.tensor(wide[0]), t.tensor(transposed(wide[1]))), product(...wide)],
  [
    "matmul, right transposed",
    () => t.matmul(t.tensor(deep[0]), t.tensor(deep[1]), { transposeB: true }),
    product(...deep),
  ],
  [
    "matmul, both transposed",
    () => t.matmul(t.tensor(transposed(deep[0])), t.tensor(deep[1]), { transposeA: true, transposeB: true }),
    product(...deep),
  ],
  [
    "matmul, left transposed",
    () => t.matmul(t.tensor(transposed(deep[0])), t.tensor(transposed(deep[1])), { transposeA: true }),
    product(...deep),
  ],
  [
    "matmul of a batch, and a map of it",
    () => t.add(t.matmul(t.stack([t.tensor(deep[0]), t.tensor(deep[0])]), t.tensor(transposed(deep[1]))), 1),
    [...product(...deep), ...product(...deep)].map((x) => x + 1),
  ],
  [
    "gradient of weights",
    () => {
      const loss = (w: Tensor) => t.sum(t.conv2d(ones(6, 224, 224, 3), w, { stride: 2, padding: 3 }));
      return t.slice(t.grad(loss)(ones(7, 7, 3, 64)), { start: [0, 0, 0, 0], size: [7, 7, 1, 1] });
    },
    Array.from({ length: 49 }, (_, tap) => 6 * windowsOf(Math.floor(tap / 7)) * windowsOf(tap % 7)),
  ],
  [
    "sum over axes that do not merge, too short for a group",
    () => {
      const along = (axis: number) => t.reshape(t.arange(60), [1, 1, 1, 1].with(axis, 60));
      return t.sum([1, 2, 3].reduce((sum, axis) => t.sub(along(axis), sum), along(0)));
    },
    [0],
  ],
  [
    "sum of many slabs",
    () => t.sum(t.broadcastTo(t.tensor([[1, 2, -3]], { dtype: "int32" }), [9_000_000, 3]), { axis: 0 }),
    [9_000_000, 18_000_000, -27_000_000],
  ],
  ["rows added into one of two places", one.sums, one.expected],
  ["rows added into one of many places", few.sums, few.expected],
];

for (const [name, compute, expected] of CASES) {
  testWebgpu(`webgpu leaves out no term of a long sum: ${name}`, async (device) => {
    const found: TypedArray = await t.jit(compute, { device })().data();
    deepStrictEqual([...found], expected);
  });
}
