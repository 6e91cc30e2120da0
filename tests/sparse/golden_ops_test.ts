/** @file Sparse operations against traces of the official implementation, float64, NCHW. */
import { type Tensor, tensor, transpose } from "../../tensor/mod.ts";
import { avgPool2d, conv2d, gather, maxPool2d, patternFromMask, type SparseTensor, toDense } from "../../sparse/mod.ts";
import { assertClose } from "../support/assert_close.ts";
import { read } from "./harness.ts";
import type { Mask } from "./oracle.ts";

interface Trace {
  readonly out: readonly number[];
}

const { ops_float64: ops } = JSON.parse(
  Deno.readTextFileSync(new URL("../golden/ops.json", import.meta.url)),
) as { readonly ops_float64: { readonly active: Mask } & Readonly<Record<string, Trace>> };

const [B, C, H, W] = [2, 3, 6, 6];
const PATTERN = patternFromMask(ops.active);

/** A formula of the flat position, as a tensor of official layout. */
function formula(shape: readonly number[], f: (k: number) => number): Tensor {
  const size = shape.reduce((a, b) => a * b);
  return tensor(Float64Array.from({ length: size }, (_, k) => f(k)), { shape, dtype: "float64" });
}

const IMAGES = transpose(formula([B, C, H, W], (k) => Math.sin(0.9 * k + 0.3)), [0, 2, 3, 1]);

async function assertTrace(actual: SparseTensor, { out }: Trace, label: string): Promise<void> {
  const official = transpose(toDense(actual), [0, 3, 1, 2]);
  assertClose(await read(official), out, { absolute: 1e-12, relative: 1e-12 }, label);
}

/**
 * The official operations read inactive sites of their input as they are, and mask the output. So the whole image is
 * gathered, as single pixels, and the output pattern named.
 */
const UNMASKED = gather(IMAGES, patternFromMask([whole(), whole()]));

function whole(): readonly (readonly number[])[] {
  return Array.from({ length: H }, () => new Array<number>(W).fill(1));
}

/** The pattern, as pixels of a map of a given size. */
function pixels(height: number, width: number): SparseTensor["pattern"] {
  const at = (rows: readonly (readonly number[])[], y: number, x: number) =>
    rows[Math.floor((y * rows.length) / height)]![Math.floor((x * rows[0]!.length) / width)]!;
  return patternFromMask(
    ops.active.map((rows) =>
      Array.from({ length: height }, (_, y) => Array.from({ length: width }, (_, x) => at(rows, y, x)))
    ),
  );
}

const CONVOLUTIONS = [
  { name: "conv3x3_s1", cout: 2, stride: 1, groups: 1, size: 6 },
  { name: "conv3x3_s2", cout: 2, stride: 2, groups: 1, size: 3 },
  { name: "dwconv3x3", cout: 3, stride: 1, groups: 3, size: 6 },
];

for (const { name, cout, stride, groups, size } of CONVOLUTIONS) {
  Deno.test(`conv2d() of unmasked input at named sites is the official ${name}`, async () => {
    const weight = formula([cout, C / groups, 3, 3], (k) => 0.3 * Math.cos(1.7 * k));
    const bias = formula([cout], (k) => 0.2 * Math.cos(1.7 * k + 0.5));
    const options = { stride, padding: 1, groups, bias, outputPattern: pixels(size, size) };
    await assertTrace(conv2d(UNMASKED, transpose(weight, [2, 3, 1, 0]), options), ops[name]!, name);
  });
}

Deno.test("maxPool2d() of unmasked input at named sites is the official maxpool3_s2_p1, in both readings", async () => {
  for (const inactive of ["ignore", "zero"] as const) {
    const y = maxPool2d(UNMASKED, { kernel: 3, stride: 2, padding: 1, inactive, outputPattern: pixels(3, 3) });
    await assertTrace(y, ops.maxpool3_s2_p1!, inactive);
  }
});

Deno.test("maxPool2d() of blocks reads zeros where dense code would, after masking the input", async () => {
  const dense = toDense(gather(IMAGES, PATTERN));
  const masked = gather(dense, patternFromMask([whole(), whole()]));
  const window = { kernel: 3, stride: 1, padding: 1 } as const;
  const expected = toDense(maxPool2d(masked, { ...window, outputPattern: pixels(6, 6) }));
  const actual = maxPool2d(gather(IMAGES, PATTERN), { ...window, inactive: "zero" });
  assertClose(await read(toDense(actual)), await read(expected), { absolute: 0, relative: 0 });
});

Deno.test("avgPool2d() is the official avgpool2_s2", async () => {
  // Windows of 2 lie within blocks of 2: nothing inactive is read.
  await assertTrace(avgPool2d(gather(IMAGES, PATTERN), { kernel: 2, stride: 2 }), ops.avgpool2_s2!, "avgpool2_s2");
});
