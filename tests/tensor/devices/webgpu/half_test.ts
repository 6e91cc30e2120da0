import { deepStrictEqual, match, notDeepStrictEqual, ok, rejects, throws } from "node:assert/strict";
import {
  argsort,
  conv2d,
  type Device,
  grad,
  jit,
  matmul,
  maximum,
  mul,
  random,
  reshape,
  square,
  sum,
  type Tensor,
  type Tree,
  webgpuDevice,
} from "../../../../tensor/mod.ts";
import type { TileVariant } from "../../../../tensor/kernel.ts";
import type { WgslBuffer, WgslMemory, WgslPass } from "../../../../tensor/compiler/kernel_text.ts";
import { chooseHalf } from "../../../../tensor/devices/webgpu/half/choose_half.ts";
import { shaderOf } from "../../../../tensor/devices/webgpu/emit/shader.ts";
import { testWebgpu } from "../../../support/device_or_skip.ts";
import { spyAdapter } from "../../../support/spy_adapter.ts";
import { SUBGROUP } from "../webgpu_kernels/harness.ts";

const BUFFERS: readonly WgslBuffer[] = [
  { name: "x", type: "f32", buffer: 3 },
  { name: "y", type: "vec4f", buffer: 5 },
  { name: "xy", type: "u32", buffer: 7 },
];

const pass = (write: WgslPass["write"]): WgslPass => ({ buffers: BUFFERS, workgroups: 1, workgroupSize: 1, write });

Deno.test("A shader widens what it reads of float16, rounds what it writes, and leaves other buffers alone", () => {
  const write = ({ load, store }: WgslMemory) => ({
    body: store("y", load("xy", "i"), `fma(${load("y", `u32(${load("x", "i")})`)}, vec4f(1), ${load("y", "1")}.wzyx)`),
  });
  const { code } = shaderOf(pass(write), new Set([3, 5]));
  ok(code.startsWith("enable f16;\n"));
  match(code, /x: array<f16>;[^]*y: array<vec4h>;[^]*xy: array<u32>;/);
  match(
    code,
    /\ny\[xy\[i\]\] = vec4h\(fma\(vec4f\(y\[u32\(f32\(x\[i\]\)\)\]\), vec4f\(1\), vec4f\(y\[1\]\)\.wzyx\)\);\n/,
  );
  const plain = shaderOf(pass(write), new Set([4])).code;
  match(plain, /x: array<f32>;[^]*\ny\[xy\[i\]\] = fma\(y\[u32\(x\[i\]\)\], vec4f\(1\), y\[1\]\.wzyx\);\n/);
  ok(!plain.includes("f16"));
});

Deno.test("A shader refuses float16 in buffers of integers", () => {
  throws(
    () => shaderOf(pass(() => ({ body: "" })), new Set([7])),
    /must hold f32 or vec4f: current declaration is xy: u32/,
  );
});

/** Two convolutions, one of them depthwise, and a product, with activations between them that no result is as large as. */
function loss([w0, w1, w2]: readonly Tensor[], x: Tensor): Tensor {
  const wide = maximum(conv2d(x, w0!, { padding: 1 }), 0); // [2, 8, 8, 20]
  const fine = conv2d(wide, w1!, { padding: 1, groups: 20 });
  const rows = matmul(reshape(fine, [128, 20]), w2!); // [128, 24]
  return sum(square(maximum(rows, 0)));
}

const step = (weights: Tree, x: Tensor) => grad(loss as (...args: Tree[]) => Tensor)(weights, x);

async function gradients(device: Device): Promise<readonly (readonly number[])[]> {
  const weights = [[3, 3, 8, 20], [3, 3, 1, 20], [20, 24]].map((shape, i) =>
    mul(random.normal(random.key(i), shape), 0.3)
  );
  const results = jit(step, { device })(weights, random.normal(random.key(9), [2, 8, 8, 8])) as readonly Tensor[];
  const values: number[][] = [];
  for (const x of results) values.push(Array.from(await x.data({ device })));
  return values;
}

const TILES: readonly TileVariant[] = [
  { kind: "registers", rows: 4, columns: 8, across: 2, down: 8, depth: 8 },
  { kind: "workgroup", rows: 4, columns: 4, across: 4, down: 4, depth: 4 },
  { kind: "subgroup", rows: 8, columns: 4, across: 8, down: 2, depth: 8 },
];

for (const tile of TILES) {
  testWebgpu(
    `Gradients through float16 activations are near those through float32, in ${tile.kind} tiles`,
    async (half) => {
      if (tile.kind === "subgroup" && SUBGROUP?.size !== 8) return;
      const device = await webgpuDevice();
      const [exact, near] = [await gradients(device), await gradients(half)];
      device.close();
      notDeepStrictEqual(near, exact);
      exact.forEach((values, i) => {
        const largest = values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
        const error = values.reduce((most, x, at) => Math.max(most, Math.abs(x - near[i]![at]!)), 0);
        ok(error < 4e-3 * largest, `${i}: ${error} of ${largest}`);
      });
    },
    { precision: "f16", tuning: { adapter: "any", tiles: new Proxy({}, { get: () => tile }) } },
  );
}

testWebgpu("Activations take half the memory; what is sorted keeps its bits", async (half) => {
  const device = await webgpuDevice();
  const widths = [60, 64, 72, 80];
  const make = () =>
    [
      random.normal(random.key(9), [1000, 60]),
      widths.slice(1).map((width, i) => random.normal(random.key(i), [widths[i]!, width])),
    ] as const;
  const through = (x: Tensor, weights: readonly Tensor[]) => weights.reduce((y, w) => matmul(y, w), x);
  const total = (x: Tensor, weights: Tree) => sum(through(x, weights as readonly Tensor[]));
  const planned = (on: Device) => jit(total, { device: on }).stats(...make()).plannedBytes;
  // The widest two live side by side; places are multiples of 256 bytes.
  ok(Math.abs(planned(device) - planned(half) - 2 * 1000 * (72 + 80)) < 512);
  const sorted = (x: Tensor, weights: Tree) => argsort(mul(through(x, weights as readonly Tensor[]), 2));
  const orders = [];
  for (const on of [device, half]) {
    const [x, weights] = make();
    orders.push(await jit(sorted, { device: on })(x, weights.slice(0, 1)).data({ device: on }));
  }
  device.close();
  deepStrictEqual(orders[1], orders[0]);
}, { precision: "f16" });

testWebgpu("What overflows float16 becomes infinite", async (half) => {
  const product = jit((x: Tensor, v: Tensor, w: Tensor) => matmul(matmul(x, v), w), { device: half });
  const [x, v, w] = [
    random.normal(random.key(0), [64, 8]),
    mul(random.normal(random.key(1), [8, 12]), 1e5),
    random.normal(random.key(2), [12, 8]),
  ];
  const values = await product(x, v, w).data({ device: half });
  ok(values.some((value) => !Number.isFinite(value)));
}, { precision: "f16" });

testWebgpu("An adapter without float16 is refused, if it is asked for", async () => {
  const { adapter } = await spyAdapter({ features: new Set() });
  await rejects(
    webgpuDevice({ adapter, precision: "f16" }),
    /^DeviceError: Cannot store float16 on webgpu as its adapter must offer shader-f16: current features are/,
  );
});

Deno.test("chooseHalf() keeps in float32 what no contraction reads or writes, such as areas and overlaps of boxes", () => {
  const value = (role: string, ...shape: number[]) => ({ role, dtype: "float32", shape });
  const step = (kernel: object, inputs: readonly number[], outputs: readonly number[]) => ({ kernel, inputs, outputs });
  const [map, product] = [{ kind: "map" }, { kind: "template", body: { kind: "contraction" } }];
  const program = {
    values: [
      ...[value("input", 9, 7), value("temporary", 3, 48), value("temporary", 6, 24), value("temporary", 12, 12)],
      value("output", 5, 5),
    ],
    steps: [step(map, [0], [1]), step(product, [0], [2]), step(map, [2, 1], [3]), step(map, [3, 2], [4])],
  };
  const { values } = chooseHalf(program as never);
  deepStrictEqual(values.map(({ half = false }) => half), [false, false, true, false, false]);
});
