import { deepStrictEqual, equal, ok } from "node:assert/strict";
import {
  add,
  conv2d,
  type Device,
  jit,
  matmul,
  mean,
  mul,
  random,
  referenceDevice,
  reshape,
  type Shape,
  sub,
  type Tensor,
  tensor,
  webgpuDevice,
  type WebgpuOptions,
} from "../../../../tensor/mod.ts";
import type { TileVariant } from "../../../../tensor/kernel.ts";
import { sizeOf } from "../../../../tensor/spec.ts";
import { assertClose } from "../../../support/assert_close.ts";
import { testWebgpu } from "../../../support/device_or_skip.ts";
import { spyAdapter } from "../../../support/spy_adapter.ts";
import { SUBGROUP } from "../webgpu_kernels/harness.ts";
import { CASES, type JoinedCase } from "./joined_maps_cases.ts";

const operands = ({ shapes }: JoinedCase) => shapes.map((shape, i) => random.normal(random.key(i), shape));

/** Operands that no device has to draw again. */
async function drawnOperands(given: JoinedCase): Promise<readonly Tensor[]> {
  const drawn = operands(given).map(async (x) => {
    const data = new Float32Array(await x.data({ device: referenceDevice() }));
    return tensor(data, { dtype: "float32", shape: x.shape });
  });
  return await Promise.all(drawn);
}

async function resultsOn(
  device: Device,
  given: JoinedCase,
  xs: readonly Tensor[] = operands(given),
): Promise<readonly (readonly number[])[]> {
  const f = (...xs: Tensor[]) => [given.f(...xs)].flat();
  const results = jit(f, { device })(...xs) as readonly Tensor[];
  return await Promise.all(results.map(async (x) => [...await x.data({ device })].map(Number)));
}

testWebgpu("Maps before and after a contraction are done where it reads and writes", async (device) => {
  const reference = referenceDevice();
  for (const given of CASES) {
    const f = jit((...xs: Tensor[]) => [given.f(...xs)].flat(), { device });
    // Constants that are computed are a launch of their own in some programs; operands are not.
    equal(f.stats(...operands(given)).launches, given.launches, `launches of ${given.name}`);
    const [got, wanted] = [await resultsOn(device, given), await resultsOn(reference, given)];
    got.forEach((values, i) => assertClose(values, wanted[i]!, { absolute: 2e-5, relative: 2e-5 }));
  }
});

/** Tiles of each kind, and what their shaders have; the last only where invocations share registers. */
const TILES: readonly (readonly [TileVariant, RegExp])[] = [
  [{ kind: "registers", rows: 3, columns: 8, across: 2, down: 8, depth: 0 }, /^(?!.*(var<workgroup>|subgroup))/s],
  [{ kind: "workgroup", rows: 4, columns: 4, across: 4, down: 4, depth: 4 }, /var<workgroup>/],
  ...SUBGROUP && SUBGROUP.size % 4 === 0
    ? [
      [
        { kind: "subgroup", rows: 8, columns: 4, across: 4, down: SUBGROUP.size / 2, depth: 0 },
        /subgroup(Shuffle|Broadcast)\(/,
      ] as const,
    ]
    : [],
];

/** Opens a device in which every contraction has the same tiles, with the text of all shaders that it compiles. */
async function openPinned(tile: TileVariant, options: WebgpuOptions = {}) {
  const { adapter, gpu } = await spyAdapter();
  const tuning = { adapter: "any", tiles: new Proxy({}, { get: () => tile }) };
  const device = await webgpuDevice({ ...options, adapter, tuning });
  const texts: string[] = [];
  const create = gpu().createShaderModule.bind(gpu());
  Object.defineProperty(gpu(), "createShaderModule", {
    value: (descriptor: GPUShaderModuleDescriptor) => {
      texts.push(descriptor.code);
      return create(descriptor);
    },
  });
  return { device, texts };
}

/** Runs cases in tiles of each kind, and compares with what the reference device makes of them. */
async function compareInTiles(
  cases: readonly JoinedCase[],
  compare: (got: readonly number[], wanted: readonly number[], label: string) => void,
  options: WebgpuOptions = {},
): Promise<readonly (readonly string[])[]> {
  const opened = await Promise.all(TILES.map(([tile]) => openPinned(tile, options)));
  for (const given of cases) {
    const xs = await drawnOperands(given);
    const wanted = await resultsOn(referenceDevice(), given, xs);
    for (const [at, { device }] of opened.entries()) {
      const got = await resultsOn(device, given, xs);
      got.forEach((values, i) => compare(values, wanted[i]!, `${given.name}, in ${TILES[at]![0].kind} tiles`));
    }
  }
  opened.forEach(({ device }) => device.close());
  return opened.map(({ texts }) => texts);
}

/** Checks that shaders in the tiles that were pinned do maps before and after a contraction, at least so many each. */
function checkJoined(texts: readonly (readonly string[])[], before: number, after: number): void {
  TILES.forEach(([{ kind }, mark], at) => {
    const pinned = texts[at]!.filter((text) => mark.test(text));
    for (const [name, least] of [["begin", before], ["finish", after]] as const) {
      const found = pinned.filter((text) => text.includes(`fn ${name}`)).length;
      ok(found >= least, `${found} shaders in ${kind} tiles ${name} with a map, expected ${least}`);
    }
  });
}

testWebgpu("Maps join contractions in tiles of each kind", async () => {
  const texts = await compareInTiles(CASES, (got, wanted, label) => {
    assertClose(got, wanted, { absolute: 2e-5, relative: 2e-5 }, label);
  });
  checkJoined(texts, 10, 15);
});

/** True if a temporary of the shape can be float16. */
const isActivation = (shape: Shape) => shape.length > 1 && shape.at(-1)! >= 4;

const rowsAndColumns = (shape: Shape) => [sizeOf(shape) / shape.at(-1)!, shape.at(-1)!] as const;

/**
 * A case between a product and a depthwise convolution, so that what it reads and writes are temporaries. Half of the mean
 * is taken off each operand: only what reads it can do that, as the mean is there after the product. A depthwise
 * convolution takes no maps before it, so that the contraction before it has to.
 */
function between({ shapes, f, ...others }: JoinedCase): JoinedCase {
  const made = ([...given]: Tensor[]) =>
    shapes.map((shape) => {
      const x = given.shift()!;
      if (!isActivation(shape)) return x;
      const y = matmul(x, mul(given.shift()!, 1 / Math.sqrt(x.shape[1]!)));
      return reshape(sub(y, mul(mean(y, { axis: 0, keepDims: true }), 0.5)), shape);
    });
  const used = (x: Tensor) => {
    if (!isActivation(x.shape) || x.dtype !== "float32") return x;
    const [rows, columns] = rowsAndColumns(x.shape);
    return conv2d(reshape(x, [1, rows, 1, columns]), random.normal(random.key(99), [1, 1, 1, columns]), {
      stride: 2,
      groups: columns,
    });
  };
  const factors = shapes.flatMap((shape): readonly Shape[] => {
    if (!isActivation(shape)) return [shape];
    const [rows, columns] = rowsAndColumns(shape);
    return [[rows, columns + 5], [columns + 5, columns]];
  });
  return { ...others, shapes: factors, f: (...given) => [f(...made(given))].flat().map(used) };
}

testWebgpu("Maps join contractions of float16 in tiles of each kind", async () => {
  const counts = { compared: 0, rounded: 0 };
  // A comparison flips where two are nearly equal; nothing is rounded in a product of nothing.
  const numbers = CASES.filter(({ name }) => !["a comparison", "bias of a product of nothing"].includes(name));
  const texts = await compareInTiles(numbers.map(between), (got, wanted, label) => {
    const largest = wanted.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    const error = wanted.reduce((most, x, i) => Math.max(most, Math.abs(x - got[i]!)), 0);
    ok(error < 4e-3 * largest, `${label}: ${error} of ${largest}`);
    counts.compared++;
    counts.rounded += Number(error > 2e-5 * largest);
  }, { precision: "f16" });
  equal(counts.rounded, counts.compared, "all of them went through float16");
  checkJoined(texts.map((all) => all.filter((text) => /array<(f16|vec4h)>/.test(text))), 30, 15);
}, { precision: "f16" });

testWebgpu("A contraction with as many operands as a pass may bind keeps its map apart", async (device) => {
  const given: JoinedCase = {
    name: "many",
    shapes: [[6, 8], [8, 12], ...Array(6).fill([6, 12])],
    launches: 2,
    f: (a, b, ...others) => others.reduce((total, x) => mul(total, x), matmul(a!, b!)),
  };
  const small = await webgpuDevice({ limits: { maxStorageBuffersPerShaderStage: 8 } });
  const f = jit(given.f as (...xs: Tensor[]) => Tensor, { device: small });
  equal(f.stats(...operands(given)).launches, 2);
  assertClose((await resultsOn(small, given))[0]!, (await resultsOn(device, given))[0]!, {
    absolute: 1e-5,
    relative: 1e-5,
  });
  small.close();
});

testWebgpu("A donated operand of a map is overwritten in place, not read after a product", async (device) => {
  const step = (donate: readonly number[]) =>
    jit((w: Tensor, a: Tensor, b: Tensor) => sub(w, matmul(a, b)), { device, donate });
  const [w, a, b] = [[6, 12], [6, 8], [8, 12]].map((shape, i) => random.normal(random.key(i), shape)) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const operands = [add(w, 0), a, b] as const;
  for (const operand of operands) await operand.data({ device });
  const expected = await step([])(...operands).data();
  const { bytes } = device.counters!();
  const next = step([0])(...operands);
  deepStrictEqual(await next.data(), expected);
  ok(device.counters!().bytes - bytes < 6 * 12 * 4, "no second copy of the weights");
});
