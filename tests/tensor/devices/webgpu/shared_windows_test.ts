import { templateWgsl } from "../../../../tensor/devices/webgpu/kernels/template.ts";
import { deepStrictEqual, equal, ok } from "node:assert/strict";
import {
  add,
  conv2d,
  type Device,
  grad,
  jit,
  mul,
  random,
  sum,
  type Tensor,
  webgpuDevice,
} from "../../../../tensor/mod.ts";
import { shaderOf } from "../../../../tensor/devices/webgpu/emit/shader.ts";
import { testWebgpu } from "../../../support/device_or_skip.ts";
import { LIMITS } from "../webgpu_kernels/harness.ts";

const SHARED = { kind: "workgroup", rows: 2, columns: 4, across: 2, down: 4, depth: 2 } as const;
const OWN = { kind: "registers", rows: 1, columns: 4, across: 2, down: 8, depth: 0 } as const;

/** A depthwise convolution between maps that join it, and how fast it falls with its input. */
function between(x: Tensor, a: Tensor, w: Tensor, c: Tensor): readonly Tensor[] {
  const convolve = (x: Tensor) => add(conv2d(mul(x, a), w, { padding: 2, groups: 20 }), c);
  const slope = grad((x: Tensor) => sum(mul(convolve(x), convolve(x))))(x);
  return [convolve(x), slope];
}

async function resultsOf(device: Device): Promise<readonly (readonly number[])[]> {
  const inputs = [[2, 9, 11, 20], [20], [5, 5, 1, 20], [20]].map((shape, i) => random.normal(random.key(i), shape));
  const values: number[][] = [];
  for (const x of jit(between, { device })(...inputs as [Tensor, Tensor, Tensor, Tensor])) {
    values.push([...await x.data({ device })]);
  }
  return values;
}

for (const precision of ["f32", "f16"] as const) {
  testWebgpu(
    `Maps join depthwise convolutions through workgroup memory to the same bits, in ${precision}`,
    async () => {
      const found: { readonly launched: readonly string[]; readonly values: readonly (readonly number[])[] }[] = [];
      for (const tile of [SHARED, OWN]) {
        const launched: string[] = [];
        const tuning = { adapter: "any", tiles: new Proxy({}, { get: () => tile }) };
        const device = await webgpuDevice({
          tuning,
          ...precision === "f16" && { precision },
          onLaunch: ({ step: { kernel } }) => {
            const shares = kernel.kind === "template" &&
              templateWgsl(kernel, { ...LIMITS, tiles: tuning.tiles }).passes.some((pass) =>
                shaderOf(pass).code.includes("group_pixels")
              );
            launched.push(shares ? `shared ${kernel.name}` : kernel.kind);
          },
        });
        found.push({ values: await resultsOf(device), launched });
        device.close();
      }
      const [shared, own] = found.map(({ launched }) => launched);
      deepStrictEqual(shared!.filter((name) => /shared/.test(name)), ["shared conv", "shared convInputGradient"]);
      equal(own!.length, shared!.length, "the same maps join");
      ok(!own!.some((name) => /shared/.test(name)));
      deepStrictEqual(found[0]!.values, found[1]!.values);
    },
    { precision },
  );
}
