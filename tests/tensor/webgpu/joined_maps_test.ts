import { deepStrictEqual, equal, ok } from "node:assert/strict";
import {
  add,
  arange,
  cast,
  conv2d,
  convTranspose2d,
  type Device,
  jit,
  kernelMapConv,
  key,
  less,
  matmul,
  maximum,
  mean,
  mul,
  normal,
  referenceDevice,
  reshape,
  type Shape,
  sigmoid,
  sub,
  sum,
  type Tensor,
  tensor,
  type TileVariant,
  transpose,
  webgpuDevice,
  type WebgpuOptions,
} from "../../../tensor/mod.ts";
import { sizeOf } from "../../../tensor/spec.ts";
import { assertClose } from "../../support/assert_close.ts";
import { testWebgpu } from "../../support/device_or_skip.ts";
import { spyAdapter } from "../../support/spy_adapter.ts";
import { SUBGROUP } from "../webgpu_kernels/harness.ts";

/** A program of a contraction and maps, and how many launches it takes. */
interface Case {
  readonly name: string;
  readonly shapes: readonly Shape[];
  readonly launches: number;
  readonly f: (...xs: Tensor[]) => Tensor | readonly Tensor[];
}

const MAP = tensor([[0, 1, -1], [2, 0, 1], [-1, -1, 3], [3, 2, 0], [1, 1, 1]], { dtype: "int32" });
const INVERSE = tensor([[0, 1, 3], [1, 0, 1], [3, 3, 2], [3, 2, 2]], { dtype: "int32" });

const ONE_TAP = {
  map: tensor([[0], [2], [-1], [3], [1]], { dtype: "int32" }),
  inverse: tensor([[0], [4], [1], [3]], { dtype: "int32" }),
};

const CASES: readonly Case[] = [
  { name: "bias", shapes: [[6, 8], [8, 12], [12]], launches: 1, f: (a, b, c) => add(matmul(a!, b!), c!) },
  { name: "bias of odd columns", shapes: [[5, 3], [3, 7], [7]], launches: 1, f: (a, b, c) => add(matmul(a!, b!), c!) },
  {
    name: "bias of a product of nothing",
    shapes: [[6, 0], [0, 12], [12]],
    launches: 1,
    f: (a, b, c) => add(matmul(a!, b!), c!),
  },
  {
    name: "a factor for each row, of a large product",
    shapes: [[300, 70], [70, 130], [300, 1]],
    launches: 1,
    f: (a, b, c) => mul(matmul(a!, b!), c!),
  },
  {
    name: "both operands transposed",
    shapes: [[5, 6], [7, 5], [7]],
    launches: 1,
    f: (a, b, c) => add(matmul(a!, b!, { transposeA: true, transposeB: true }), c!),
  },
  {
    name: "the sum of slabs of a product over many rows",
    shapes: [[900, 8], [900, 12], [12]],
    launches: 2,
    f: (a, b, c) => mul(matmul(a!, b!, { transposeA: true }), c!),
  },
  {
    name: "bias and activation, both kept",
    shapes: [[6, 8], [8, 12], [12]],
    launches: 1,
    f: (a, b, c) => {
      const x = add(matmul(a!, b!), c!);
      return [x, mul(x, sigmoid(x))];
    },
  },
  {
    name: "the product itself is a result too",
    shapes: [[6, 8], [8, 12]],
    launches: 1,
    f: (a, b) => {
      const x = matmul(a!, b!);
      return [maximum(x, 0), x];
    },
  },
  {
    name: "a product that is reduced as well",
    shapes: [[6, 8], [8, 12]],
    launches: 2,
    f: (a, b) => {
      const x = matmul(a!, b!);
      return [maximum(x, 0), sum(x, { axis: 0 })];
    },
  },
  {
    name: "a comparison",
    shapes: [[6, 8], [8, 12], [6, 12]],
    launches: 1,
    f: (a, b, c) => less(matmul(a!, b!), c!),
  },
  {
    name: "a number for each element",
    shapes: [[6, 8], [8, 12]],
    launches: 1,
    f: (a, b) => add(matmul(a!, b!), reshape(cast(arange(72), "float32"), [6, 12])),
  },
  {
    name: "convolution, bias, residual",
    shapes: [[2, 5, 6, 8], [3, 3, 8, 12], [12], [2, 5, 6, 12]],
    launches: 1,
    f: (x, w, c, r) => add(add(conv2d(x!, w!, { padding: 1 }), c!), r!),
  },
  {
    name: "two convolutions added",
    shapes: [[2, 6, 6, 8], [3, 3, 8, 12], [1, 1, 8, 12]],
    launches: 2,
    f: (x, v, w) => maximum(add(conv2d(x!, v!, { padding: 1, stride: 2 }), conv2d(x!, w!, { stride: 2 })), 0),
  },
  {
    name: "convolution in groups, seen through a reshape",
    shapes: [[2, 4, 4, 8], [3, 3, 4, 6], [32, 6]],
    launches: 1,
    f: (x, w, r) => sub(reshape(conv2d(x!, w!, { padding: 1, groups: 2 }), [32, 6]), r!),
  },
  {
    name: "depthwise convolution and bias",
    shapes: [[2, 9, 9, 20], [7, 7, 1, 20], [20]],
    launches: 1,
    f: (x, w, c) => add(conv2d(x!, w!, { padding: 3, groups: 20 }), c!),
  },
  {
    name: "transposed convolution, phase by phase",
    shapes: [[2, 4, 4, 8], [4, 4, 12, 8], [12]],
    launches: 4,
    f: (x, w, c) => maximum(add(convTranspose2d(x!, w!, { stride: 2, padding: 1 }), c!), 0),
  },
  {
    name: "a kernel map",
    shapes: [[4, 8], [3, 8, 12], [5, 12]],
    launches: 1,
    f: (x, w, r) => mul(kernelMapConv(x!, w!, { map: MAP, inverse: INVERSE }), r!),
  },
  {
    name: "a depthwise kernel map",
    shapes: [[4, 8], [3, 1, 8], [5, 8]],
    launches: 1,
    f: (x, w, r) => mul(kernelMapConv(x!, w!, { map: MAP, inverse: INVERSE }, { groups: 8 }), r!),
  },
  {
    name: "what reads the product transposed stays apart",
    shapes: [[6, 8], [8, 12]],
    launches: 2,
    f: (a, b) => maximum(transpose(matmul(a!, b!)), 0),
  },
  {
    name: "what reads an operand of the product stays apart",
    shapes: [[8, 8], [8, 8]],
    launches: 2,
    f: (a, b) => add(matmul(a!, b!), a!),
  },
  {
    name: "an activation before a product",
    shapes: [[6, 8], [8], [8, 12]],
    launches: 1,
    f: (a, b, c) => matmul(maximum(mul(a!, b!), 0), c!),
  },
  {
    name: "an activation before a product of odd sizes",
    shapes: [[5, 7], [7], [7, 3]],
    launches: 1,
    f: (a, b, c) => matmul(maximum(mul(a!, b!), 0), c!),
  },
  {
    name: "a factor of rows before a large product, and bias after it",
    shapes: [[300, 1], [300, 72], [72, 120], [120]],
    launches: 1,
    f: (r, a, b, c) => add(matmul(mul(a!, r!), b!), c!),
  },
  {
    name: "activations of both operands of a sum over rows",
    shapes: [[900, 8], [8], [900, 12], [900, 1]],
    launches: 2,
    f: (a, b, c, d) => matmul(maximum(add(a!, b!), 0), mul(c!, d!), { transposeA: true }),
  },
  {
    name: "normalisation and activation before a convolution of one tap",
    shapes: [[2, 5, 6, 8], [8], [8], [1, 1, 8, 12]],
    launches: 1,
    f: (x, a, b, w) => conv2d(maximum(add(mul(x!, a!), b!), 0), w!),
  },
  {
    name: "normalisation and activation before a convolution of many taps stay apart",
    shapes: [[2, 5, 6, 8], [8], [8], [3, 3, 8, 12]],
    launches: 2,
    f: (x, a, b, w) => conv2d(maximum(add(mul(x!, a!), b!), 0), w!, { padding: 1 }),
  },
  {
    name: "rows of sparse blocks, seen as images, before a strided convolution, and an activation after it",
    shapes: [[32, 6], [32, 1], [1, 1, 6, 8]],
    launches: 1,
    f: (x, r, w) => maximum(conv2d(reshape(mul(x!, r!), [2, 4, 4, 6]), w!, { stride: 2 }), 0),
  },
  {
    name: "an activation before a transposed convolution of one tap",
    shapes: [[2, 4, 4, 8], [8], [1, 1, 12, 8]],
    launches: 1,
    f: (x, a, w) => convTranspose2d(maximum(mul(x!, a!), 0), w!),
  },
  {
    name: "an activation before a kernel map of one tap",
    shapes: [[4, 8], [8], [1, 8, 12]],
    launches: 1,
    f: (x, a, w) => kernelMapConv(maximum(mul(x!, a!), 0), w!, ONE_TAP),
  },
  {
    name: "one activation before two products",
    shapes: [[6, 8], [8], [8, 12], [8, 4]],
    launches: 2,
    f: (a, b, c, d) => {
      const x = maximum(mul(a!, b!), 0);
      return [matmul(x, c!), matmul(x, d!)];
    },
  },
  {
    name: "an activation that is slow stays apart",
    shapes: [[6, 8], [8, 12]],
    launches: 2,
    f: (a, b) => matmul(sigmoid(a!), b!),
  },
  {
    name: "a sum of two tensors stays apart",
    shapes: [[6, 8], [6, 8], [8, 12]],
    launches: 2,
    f: (a, b, c) => matmul(add(a!, b!), c!),
  },
  {
    name: "an activation before a depthwise convolution stays apart",
    shapes: [[2, 9, 9, 20], [20], [3, 3, 1, 20]],
    launches: 2,
    f: (x, a, w) => conv2d(mul(x!, a!), w!, { padding: 1, groups: 20 }),
  },
  {
    name: "an activation that is reduced too is made by the reduction",
    shapes: [[6, 8], [8], [8, 12]],
    launches: 2,
    f: (a, b, c) => {
      const x = maximum(mul(a!, b!), 0);
      return [matmul(x, c!), sum(mul(x, x), { axis: 0 })];
    },
  },
  {
    name: "a map between two products finishes the first",
    shapes: [[6, 8], [8, 8], [8, 12], [12]],
    launches: 2,
    f: (a, b, c, d) => add(matmul(maximum(matmul(a!, b!), 0), c!), d!),
  },
];

const operands = ({ shapes }: Case) => shapes.map((shape, i) => normal(key(i), shape));

/** Operands that no device has to draw again. */
async function drawnOperands(given: Case): Promise<readonly Tensor[]> {
  const drawn = operands(given).map(async (x) => {
    const data = new Float32Array(await x.data({ device: referenceDevice() }));
    return tensor(data, { dtype: "float32", shape: x.shape });
  });
  return await Promise.all(drawn);
}

async function resultsOn(
  device: Device,
  given: Case,
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
  cases: readonly Case[],
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
function between({ shapes, f, ...others }: Case): Case {
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
    return conv2d(reshape(x, [1, rows, 1, columns]), normal(key(99), [1, 1, 1, columns]), {
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
  const given: Case = {
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
  const step = jit((w: Tensor, a: Tensor, b: Tensor) => sub(w, matmul(a, b)), { device, donate: [0] });
  const [w, a, b] = [[6, 12], [6, 8], [8, 12]].map((shape, i) => normal(key(i), shape)) as [Tensor, Tensor, Tensor];
  const held = add(w, 0);
  await held.data({ device });
  const { bytes } = device.counters!();
  const next = step(held, a, b);
  await next.data();
  ok(device.counters!().bytes - bytes < 6 * 12 * 4 * 4, "no second copy of the weights");
  deepStrictEqual(next.shape, [6, 12]);
});
