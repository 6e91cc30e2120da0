import type { TileVariant, WgslKernel, WgslLimits } from "../../../../tensor/compiler/kernel_text.ts";
import type { Shape } from "../../../../tensor/spec.ts";
import type { ConvCase } from "../cpu_kernels/conv_cases.ts";
import {
  convDefinition,
  convInputGradientDefinition,
  convShape,
  convWeightGradientDefinition,
  matmulDefinition,
  matmulShape,
} from "../cpu_kernels/definitions.ts";
import { assertClose, gpuTest, LIMITS, randomFloats, randomInts, runKernel, type Sample, SUBGROUP } from "./harness.ts";
import { writtenConv, writtenMatmul, writtenTable, writtenTableOuter } from "./written.ts";

/** A kernel, what it reads, and what it must write. */
interface Case {
  readonly name: string;
  readonly write: (limits: WgslLimits) => WgslKernel;
  readonly inputs: readonly Sample[];
  readonly shape: Shape;
  readonly terms: number;
  readonly expected: Float64Array;
}

const TILES: readonly Omit<TileVariant, "depth">[] = [
  { kind: "registers", rows: 3, columns: 8, across: 2, down: 8 },
  { kind: "workgroup", rows: 4, columns: 4, across: 4, down: 4 },
  { kind: "workgroup", rows: 4, columns: 8, across: 2, down: 8 },
  { kind: "subgroup", rows: 8, columns: 4, across: 8, down: 2 },
  { kind: "subgroup", rows: 8, columns: 8, across: 4, down: 16 },
  { kind: "subgroup", rows: 4, columns: 4, across: 1, down: 64 },
];

function matmulCase(m: number, n: number, k: number, transposeA: boolean, transposeB: boolean): Case {
  const params = { transposeA, transposeB };
  const a = randomFloats(transposeA ? [2, k, m] : [2, m, k], 1);
  const b = randomFloats(transposeB ? [2, n, k] : [2, k, n], 2);
  const shape = matmulShape(a.shape, b.shape, params);
  return {
    name: `product ${m} by ${n} by ${k}${transposeA ? ", a turned" : ""}${transposeB ? ", b turned" : ""}`,
    write: (limits) => writtenMatmul([a.shape, shape], params, limits),
    inputs: [a, b],
    shape,
    terms: k,
    expected: matmulDefinition(a, b, shape, params),
  };
}

function convCases({ x: xShape, w: wShape, ...settings }: ConvCase): readonly Case[] {
  const [kh, kw, cin, cout] = wShape as [number, number, number, number];
  const yShape = convShape(xShape, wShape, settings);
  const [x, w, dy] = [randomFloats(xShape, 1), randomFloats(wShape, 2), randomFloats(yShape, 3)];
  const shapes = [xShape, wShape, yShape] as const;
  const back = { ...settings, inputSize: [xShape[1]!, xShape[2]!] } as const;
  const weights = { ...settings, kernelSize: [kh, kw] } as const;
  return [{
    name: `convolution [${xShape}] with [${wShape}]`,
    write: (limits) => writtenConv(shapes, settings, "output", limits),
    inputs: [x, w],
    shape: yShape,
    terms: kh * kw * cin,
    expected: convDefinition(x, w, yShape, settings),
  }, {
    name: `input gradient [${xShape}] with [${wShape}]`,
    write: (limits) => writtenConv(shapes, settings, "input", limits),
    inputs: [dy, w],
    shape: xShape,
    terms: kh * kw * cout,
    expected: convInputGradientDefinition(dy, w, xShape, back),
  }, {
    name: `weight gradient [${xShape}] with [${wShape}]`,
    write: (limits) => writtenConv(shapes, settings, "weight", limits),
    inputs: [x, dy],
    shape: wShape,
    terms: yShape[0]! * yShape[1]! * yShape[2]!,
    expected: convWeightGradientDefinition(x, dy, wShape, weights),
  }];
}

/** Rows through a table in which whole runs of rows are absent. */
function mapCases(): readonly Case[] {
  const [rows, taps, cin, cout] = [70, 3, 8, 12];
  const draw = randomInts([rows, taps], -1, rows, 4);
  const map = { ...draw, data: draw.data.map((row, i) => i < rows * taps / 2 && i % taps === 1 ? -1 : row) } as Sample;
  const [x, w, dy] = [randomFloats([rows, cin], 1), randomFloats([taps, cin, cout], 2), randomFloats([rows, cout], 3)];
  const [y, dw] = [new Float64Array(rows * cout), new Float64Array(taps * cin * cout)];
  map.data.forEach((row, at) => {
    if (row < 0) return;
    const [m, t] = [Math.floor(at / taps), at % taps];
    for (let i = 0; i < cin; i++) {
      for (let j = 0; j < cout; j++) {
        y[m * cout + j]! += x.data[row * cin + i]! * w.data[(t * cin + i) * cout + j]!;
        dw[(t * cin + i) * cout + j]! += x.data[row * cin + i]! * dy.data[m * cout + j]!;
      }
    }
  });
  const shapes = { from: x.shape, w: w.shape, table: map.shape, groups: 1 };
  return [{
    name: "rows through a table",
    write: (limits) => writtenTable(shapes, false, limits),
    inputs: [x, w, map],
    shape: [rows, cout],
    terms: taps * cin,
    expected: y,
  }, {
    name: "weight gradient through a table",
    write: (limits) => writtenTableOuter(shapes, limits),
    inputs: [x, dy, map],
    shape: w.shape,
    terms: rows,
    expected: dw,
  }];
}

const SAME = [[1, 1], [1, 1]] as const;
const CASES: readonly Case[] = [
  matmulCase(33, 70, 12, false, true),
  matmulCase(7, 9, 21, false, true),
  matmulCase(36, 20, 77, true, false),
  ...convCases({ x: [2, 7, 9, 8], w: [3, 3, 8, 12], stride: [1, 1], padding: SAME, dilation: [1, 1], groups: 1 }),
  ...convCases({ x: [1, 8, 9, 5], w: [3, 2, 5, 7], stride: [1, 2], padding: SAME, dilation: [1, 2], groups: 1 }),
  convCases({ x: [1, 7, 6, 16], w: [3, 3, 8, 24], stride: [2, 2], padding: SAME, dilation: [1, 1], groups: 2 })[0]!,
  ...mapCases(),
];

for (const { kind, rows, columns, across, down } of TILES) {
  const label = `${kind} tiles of ${rows} by ${columns}, ${across} by ${down} invocations`;
  gpuTest(`The kernels of products, convolutions and their gradients are right in ${label}`, async () => {
    if (kind === "subgroup" && (!SUBGROUP || SUBGROUP.size % across > 0 || across * down % SUBGROUP.size > 0)) return;
    for (const { name, write, inputs, shape, terms, expected } of CASES) {
      const tile = { kind, rows, columns, across, down, depth: 8 };
      const limits = { ...LIMITS, ...SUBGROUP && { subgroup: SUBGROUP }, tiles: new Proxy({}, { get: () => tile }) };
      const actual = await runKernel(write(limits), inputs, { shape, dtype: "float32" });
      try {
        assertClose(actual, expected, terms);
      } catch (cause) {
        throw new Error(`Cannot accept ${name} in ${label}`, { cause });
      }
    }
  });
}
