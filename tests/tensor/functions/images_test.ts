import { throws } from "node:assert/strict";
import * as t from "../../../tensor/mod.ts";
import golden from "../../golden/resize_torch.json" with { type: "json" };
import { type GoldenRow, type Plain, testGolden } from "../../support/golden_rows.ts";

const SIZES: Readonly<Record<string, readonly [number, number]>> = { up: [10, 8], down: [3, 2], mixed: [14, 3] };
const answers = golden as Readonly<Record<string, Plain>>;
const close = { absolute: 1e-5, relative: 1e-5 };

const ROWS: readonly GoldenRow[] = Object.entries(SIZES).flatMap(([name, size]): readonly GoldenRow[] => [
  [`nearest ${name}`, (x) => t.resize(x!, size, { method: "nearest" }), answers[`nearest ${name}`]!],
  ...(["bilinear", "bicubic"] as const).flatMap((method) =>
    [false, true].map((antialias): GoldenRow => {
      const key = `${method} ${name}${antialias ? " antialias" : ""}`;
      return [key, (x) => t.resize(x!, size, { method, antialias }), answers[key]!, close];
    })
  ),
  [`adaptiveAvgPool2d ${name}`, (x) => t.adaptiveAvgPool2d(x!, size), answers[`average ${name}`]!, close],
  [`adaptiveMaxPool2d ${name}`, (x) => t.adaptiveMaxPool2d(x!, size), answers[`largest ${name}`]!],
]);

testGolden("PyTorch", [golden.x], ROWS);

Deno.test("Resized and pooled images: pullbacks equal differences; what does not fit is refused", async () => {
  const x = t.cast(t.random.normal(t.random.key(0), [1, 5, 4, 2]), "float64");
  await t.checkGrads((x) => t.square(t.resize(x, [3, 7], { method: "bicubic", antialias: true })), [x]);
  await t.checkGrads((x) => t.square(t.resize(x, [3, 7], { method: "nearest" })), [x]);
  await t.checkGrads((x) => t.square(t.adaptiveAvgPool2d(x, 3)), [x]);
  await t.checkGrads((x) => t.square(t.adaptiveMaxPool2d(x, [3, 2])), [x]);
  throws(() => t.resize(x, [3]), t.ShapeError);
  throws(() => t.resize(x, [0, 3]), RangeError);
  throws(() => t.resize(x, [3, 3], { method: "nearest", antialias: true }), RangeError);
  throws(() => t.adaptiveAvgPool2d(t.ones([3, 3]), 2), t.ShapeError);
  throws(() => t.resize(t.ones([1, 2, 2, 1], { dtype: "int32" }), [3, 3]), TypeError);
});
