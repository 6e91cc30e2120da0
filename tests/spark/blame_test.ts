import { equal } from "node:assert/strict";
import { cpuDevice, mul, ones, random, type Tensor, treeMap } from "../../tensor/mod.ts";
import { div, sqrt, sub, tensor, where } from "../../tensor/mod.ts";
import { firstNotFinite } from "../../tensor/kernel.ts";
import { type Model, resnet } from "../../nn/mod.ts";
import { init, nameNotFinite, pretrainOptimizer, type TrainState } from "../../spark/mod.ts";

const MODEL: Model = resnet({ block: "basic", depths: [1, 1], widths: [4, 8], stemWidth: 4, stem: "light" });
const device = cpuDevice({ threads: 1 }); // no workers to end
const images = ones([2, 16, 16, 3]);
const start = (): TrainState => init(MODEL, pretrainOptimizer({ learningRate: 1 }), random.key(0), { decoderWidth: 8 });

Deno.test("firstNotFinite() finds the earliest cause, and not what where() leaves out", async () => {
  const x = tensor([0, 4]);
  const quotient = div(1, x); // infinity, left out below
  const safe = where(tensor([false, true]), quotient, 0);
  equal(await firstNotFinite([safe], { device }), null);
  const bad = sqrt(sub(safe, 1)); // √-1
  equal(await firstNotFinite([mul(bad, 2)], { device }), bad);
  equal(await firstNotFinite([mul(tensor([NaN]), 2)], { device }).then((found) => found?.primitive.name), "leaf");
});

/** The state with one parameter replaced. */
function spoiled(name: string, factor: number): TrainState {
  const train = start();
  const walk = (node: unknown, path: readonly string[]): unknown => {
    if (path.length === 0) return treeMap((x) => mul(x, factor), node as Tensor);
    const [first, ...rest] = path;
    const copy = Array.isArray(node) ? [...node] : { ...(node as object) };
    (copy as Record<string, unknown>)[first!] = walk((node as Record<string, unknown>)[first!], rest);
    return copy;
  };
  return { ...train, params: walk(train.params, name.split(".")) as TrainState["params"] };
}

const CASES: readonly (readonly [string, number, RegExp])[] = [
  ["encoder.layer1.0.conv2.weight", 1e38, /^the output of \w+ in encoder\.layer1\.0\.(conv2|bn2)$/],
  ["encoder.layer2.0.conv1.weight", 1e38, /^the output of \w+ in encoder\.layer2\.0\.(conv1|bn1)$/],
  ["decoder.blocks.1.conv1.weight", 1e38, /^the output of \w+ in decoder\.blocks\.1\.(conv1|norm1)$/],
  ["decoder.projection.weight", 1e38, /^the (output|gradient).* (in|near) /],
];

for (const [name, factor, expected] of CASES) {
  Deno.test(`nameNotFinite() names the layer when ${name} is ${factor} times as large`, async () => {
    const found = await nameNotFinite(MODEL, spoiled(name, factor), { images }, { device, maskRatio: 0.5 });
    equal(expected.test(found ?? "nothing"), true, `${found}`);
  });
}

Deno.test("nameNotFinite() finds nothing in a good step", async () => {
  equal(await nameNotFinite(MODEL, start(), { images }, { device, maskRatio: 0.5 }), null);
});
