import { deepStrictEqual, equal } from "node:assert/strict";
import { jit, matmul, maximum, mul, random, type Tensor, webgpuDevice } from "../../../../tensor/mod.ts";
import { bind, type Primitive } from "../../../../tensor/kernel.ts";
import type { WgslBuffer, WgslKernel, WgslMemory } from "../../../../tensor/compiler/kernel_text.ts";
import type { TensorSpec } from "../../../../tensor/spec.ts";
import { sizeOf } from "../../../../tensor/spec.ts";
import { testWebgpu } from "../../../support/device_or_skip.ts";

const GROUP = 64;
const BUFFERS: readonly WgslBuffer[] = [{ name: "x", type: "f32", buffer: 0 }, { name: "y", type: "f32", buffer: 1 }];

/** Every element times three, as somebody would write it who knows WGSL alone. */
function tripleWgsl([x]: readonly TensorSpec[]): WgslKernel {
  const items = sizeOf(x!.shape);
  const write = ({ load, store }: WgslMemory) => ({
    functions: ["fn triple(v: f32) -> f32 { return 3f * v; }"],
    body: `let item = (group.x + group.y * groups.x) * ${GROUP}u + local;
if (item >= ${items}u) { return; }
${store("y", "item", `triple(${load("x", "item")})`)}`,
  });
  const workgroups = Math.ceil(items / GROUP);
  return { passes: [{ buffers: BUFFERS, workgroups, workgroupSize: GROUP, write }], scratchBytes: 0 };
}

const TRIPLE: Primitive = {
  name: "triple",
  shapeRule: ([x]) => x!,
  reference: ([x]) => Float64Array.from(x!.data, (value) => 3 * value),
  vjpRule: (ct) => [bind(TRIPLE, [ct], {})],
  lowering: {
    kind: "kernel",
    flops: ([x]) => sizeOf(x!.shape),
    finishes: true,
    computes: () => [0],
    texts: { webgpu: tripleWgsl },
  },
};

for (const precision of ["f32", "f16"] as const) {
  testWebgpu(
    `A kernel of one's own takes part in joins, and keeps float32 on a device of ${precision}`,
    async (device) => {
      // What the products hand on could be float16; what a kernel of one's own reads and writes is not.
      const through = (triple: (x: Tensor) => Tensor) => (x: Tensor, w: Tensor, v: Tensor) =>
        matmul(maximum(triple(mul(matmul(x, w), 2)), 0), v);
      const inputs = () => [[40, 8], [8, 12], [12, 20]].map((shape, i) => random.normal(random.key(i), shape));
      const [x, w, v] = inputs() as [Tensor, Tensor, Tensor];
      const own = jit(through((x) => bind(TRIPLE, [x], {})), { device });
      const values = await own(x, w, v).data({ device });
      const exact = await webgpuDevice();
      const plain = jit(through((x) => mul(x, 3)), { device: exact });
      const wanted = await plain(...inputs() as [Tensor, Tensor, Tensor]).data({ device: exact });
      exact.close();
      deepStrictEqual(values, wanted);
      equal(own.stats(x, w, v).launches, 3);
    },
    { precision },
  );
}
