import { deepStrictEqual, equal, ok, throws } from "node:assert/strict";
import { crc32 } from "node:zlib";
import {
  affine,
  AUGMENTATIONS,
  dataKey,
  drawErasure,
  drawOperations,
  drawsOf,
  erase,
  type Pixels,
} from "../../../data/mod.ts";
import golden from "../../golden/augment_pil.json" with { type: "json" };

/** The image of make_augment_pil.py. */
function synthetic([width, height]: readonly number[], narrow: boolean): Pixels {
  const data = new Uint8Array(width! * height! * 3);
  for (let i = 0; i < data.length; i++) {
    const [c, x, y] = [i % 3, Math.floor(i / 3) % width!, Math.floor(i / 3 / width!)];
    data[i] = x * x * (3 + c) + y * (7 * c + 5) + ((x * y * (c + 1)) >> 3) * 31;
  }
  return { width: width!, height: height!, channels: 3, data: narrow ? data.map((v) => (v >> 1) + 40) : data };
}

for (const name of Object.keys(AUGMENTATIONS)) {
  Deno.test(`${name} equals torchvision's, pixel by pixel`, () => {
    const cases = golden.cases.filter((each) => each.name === name);
    ok(cases.length >= 4);
    for (const { size, narrow, strength, crc32: expected, head } of cases) {
      const { data } = AUGMENTATIONS[name]!(synthetic(size, narrow), strength);
      deepStrictEqual([...data.subarray(300, 312)], head, `strength ${strength} of ${size}`);
      equal(crc32(data), expected, `strength ${strength} of ${size}, narrow ${narrow}`);
    }
  });
}

type Space = Readonly<Record<string, readonly [readonly number[], boolean]>>;

for (const kind of ["trivial", "rand"] as const) {
  Deno.test(`drawOperations() of ${kind} has the strengths of torchvision, each about equally often`, () => {
    const space = golden.spaces[kind] as unknown as Space;
    deepStrictEqual(Object.keys(AUGMENTATIONS), Object.keys(space));
    const draw = drawsOf(dataKey(7));
    const counts = new Map<string, number>();
    const negative = new Map<string, number>();
    const seen = new Map<string, Set<number>>();
    const total = 28_000;
    for (let i = 0; i < total; i++) {
      const drawn = drawOperations(
        kind === "rand" ? { kind, count: 1, magnitude: i % 31 } : { kind },
        [24, 40],
        draw,
      );
      equal(drawn.length, 1);
      const [{ name, strength }] = drawn as [{ name: string; strength: number }];
      const [magnitudes, signed] = space[name]!;
      const size = signed ? Math.abs(strength) : strength;
      const bin = magnitudes.findIndex((each) => Math.abs(each - size) < 1e-4);
      ok(bin >= 0 || magnitudes.length === 0, `${name} ${strength}`);
      if (kind === "rand" && magnitudes.length > 1) {
        ok(Math.abs(magnitudes[i % 31]! - size) < 1e-4, `${name} ${strength}`);
      }
      counts.set(name, (counts.get(name) ?? 0) + 1);
      if (strength < 0) negative.set(name, (negative.get(name) ?? 0) + 1);
      seen.set(name, (seen.get(name) ?? new Set()).add(bin));
    }
    for (const [name, [magnitudes, signed]] of Object.entries(space)) {
      // Five standard deviations of the binomial distribution.
      ok(Math.abs(counts.get(name)! - total / 14) < 5 * Math.sqrt(total / 14), `${name}: ${counts.get(name)}`);
      const share = (negative.get(name) ?? 0) / counts.get(name)!;
      ok(signed ? Math.abs(share - 0.5) < 0.08 : share === 0, `${name}: ${share}`);
      equal(seen.get(name)!.size, new Set(magnitudes.map((each) => each.toFixed(4))).size || 1, name);
    }
  });
}

Deno.test("drawOperations() follows from its draws, two of RandAugment", () => {
  const draws = () => drawsOf(dataKey(3));
  const first = drawOperations({ kind: "rand" }, [32, 32], draws());
  deepStrictEqual(drawOperations({ kind: "rand" }, [32, 32], draws()), first);
  equal(first.length, 2);
});

Deno.test("affine() refuses images with alpha", () => {
  const image = { width: 1, height: 1, channels: 4, data: new Uint8Array(4) } as const;
  throws(
    () => affine(image, [1, 0, 0, 0, 1, 0]),
    /^RangeError: Cannot map an image as it must be RGB: current channels are 4/,
  );
});

Deno.test("drawErasure() erases in its share of the images, rectangles of the given areas and aspects", () => {
  const draw = drawsOf(dataKey(5));
  const found = Array.from({ length: 4000 }, () => drawErasure([64, 48], { probability: 0.25 }, draw));
  const boxes = found.filter((box) => box !== null);
  ok(Math.abs(boxes.length / found.length - 0.25) < 0.035);
  for (const { left, top, width, height } of boxes) {
    ok(left >= 0 && top >= 0 && left + width <= 48 && top + height <= 64 && width < 48 && height < 64);
    const [area, aspect] = [width * height / (64 * 48), height / width];
    ok(area > 0.012 && area < 0.36, `area ${area}`); // rounded to whole pixels
    ok(aspect > 0.2 && aspect < 4.6, `aspect ${aspect}`);
  }
  const mean = boxes.reduce((sum, { width, height }) => sum + width * height / (64 * 48), 0) / boxes.length;
  // Uniform from 0.02 to 1/3, less the large ones that do not fit.
  ok(mean > 0.13 && mean < 0.18, `mean ${mean}`);
});

Deno.test("erase() puts noise of variance 1 into the rectangle and leaves the rest", () => {
  const values = new Float32Array(64 * 64 * 3).fill(9);
  const rectangle = drawErasure([64, 64], { probability: 1 }, drawsOf(dataKey(11)))!;
  const erased = erase(values, [64, 64], { probability: 1 }, drawsOf(dataKey(11)));
  const noise: number[] = [];
  erased.forEach((x, i) => {
    const [column, row] = [Math.floor(i / 3) % 64, Math.floor(i / 192)];
    const inside = row >= rectangle.top && row < rectangle.top + rectangle.height && column >= rectangle.left &&
      column < rectangle.left + rectangle.width;
    if (inside) noise.push(x);
    else equal(x, 9);
  });
  equal(noise.length, rectangle.width * rectangle.height * 3);
  const mean = noise.reduce((sum, x) => sum + x, 0) / noise.length;
  const variance = noise.reduce((sum, x) => sum + (x - mean) ** 2, 0) / noise.length;
  ok(Math.abs(mean) < 5 / Math.sqrt(noise.length), `mean ${mean}`);
  ok(Math.abs(variance - 1) < 8 / Math.sqrt(noise.length), `variance ${variance}`);
  equal(new Set(noise).size > noise.length * 0.99, true);
});
