/** @file What the compiler takes for one operation: one record with equal settings, never one name. */
import { deepStrictEqual, equal } from "node:assert/strict";
import {
  add,
  cpuDevice,
  type Device,
  jit,
  matmul,
  maximum,
  mul,
  ones,
  pad,
  referenceDevice,
  type Tensor,
  tensor,
} from "../../../tensor/mod.ts";
import { bind, type Primitive } from "../../../tensor/kernel.ts";
import { graphOf } from "../../../tensor/compiler/graph.ts";
import { kernelOf } from "../../../tensor/compiler/fused_step.ts";
import { kernelKey } from "../../../tensor/compiler/kernel_key.ts";
import { recomputed } from "../../../tensor/primitives/identity.ts";
import { testWebgpu } from "../../support/device_or_skip.ts";

function scale(by: number): Primitive {
  return {
    name: "scale",
    shapeRule: ([x]) => x!,
    reference: ([x]) => x!.data.map((value) => by * value),
    vjpRule: (cotangent) => [mul(cotangent, by)],
    lowering: {
      kind: "expression",
      expression: ([x], _, { dtype }) => ({
        kind: "op",
        op: "mul",
        args: [x!, { kind: "const", value: by, dtype }],
        dtype,
      }),
    },
  };
}

async function checkIdentity(device: Device): Promise<void> {
  const [double, triple] = [scale(2), scale(3)];
  const f = (x: Tensor) => add(bind(double, [x], {}), bind(triple, [x], {}));
  const x = tensor([1, 2, 4]);
  deepStrictEqual([...await f(x).data({ device })], [5, 10, 20]);
  deepStrictEqual([...await jit(f, { device })(x).data()], [5, 10, 20]);
  // Settings that JSON takes for one another, in one program.
  const g = (x: Tensor) => [pad(x, [[1, 0]], Infinity), pad(x, [[1, 0]], -Infinity)];
  const [up, down] = jit(g, { device })(tensor([1])) as [Tensor, Tensor];
  deepStrictEqual([...await up.data(), ...await down.data()], [Infinity, 1, -Infinity, 1]);
}

Deno.test("reference: two operations of one name are two", () => checkIdentity(referenceDevice()));
Deno.test("cpu: two operations of one name are two", async () => {
  const device = cpuDevice({ threads: 1 });
  await checkIdentity(device);
  device.close();
});
testWebgpu("webgpu: two operations of one name are two", checkIdentity);

Deno.test("equal applications of one record are one node; recomputed ones are not", () => {
  const [double, x] = [scale(2), tensor([1])];
  const nodes = (...outputs: Tensor[]) => graphOf({ inputs: [], outputs, donated: new Set() }).nodes.length;
  equal(nodes(bind(double, [x], {}), bind(double, [x], {})), 2);
  equal(nodes(bind(double, [recomputed(x)], {}), bind(double, [recomputed(x)], {})), 5);
});

Deno.test("kernels of two records of one name and equal settings have two keys", () => {
  const product = matmul(ones([2, 2]), ones([2, 2]));
  const copy = bind({ ...product.primitive }, product.inputs, product.params);
  const { outputs } = graphOf({ inputs: [], outputs: [product, copy], donated: new Set() });
  const keys = outputs.map((node) => kernelKey(kernelOf([node], (x) => !outputs.includes(x)).kernel));
  equal(new Set(keys).size, 2);
});

Deno.test("reference and cpu: jit tells static infinities apart", async () => {
  const device = cpuDevice({ threads: 1 });
  for (const on of [device, referenceDevice()]) {
    const f = jit((x: Tensor, c: number) => maximum(x, c), { device: on, static: [1] });
    deepStrictEqual([await f(tensor(1), Infinity).item(), await f(tensor(1), -Infinity).item()], [Infinity, 1]);
  }
  device.close();
});
