import { deepStrictEqual, ok } from "node:assert/strict";
import { convnext, type Model, resnet } from "../../../nn/mod.ts";
import { init, pretrainOptimizer, trainStep } from "../../../spark/mod.ts";
import { cpuDevice, jit, random, type Tensor, treeLeaves } from "../../../tensor/mod.ts";

const SMALL = {
  block: "basic",
  depths: [2, 2],
  widths: [16, 32],
  stemWidth: 16,
  stem: "light",
  dropPath: 0.2,
} as const;
const MODELS: readonly (readonly [string, Model])[] = [
  ["ResNet", resnet(SMALL)],
  ["ConvNeXt", convnext({ depths: [2, 2], dims: [8, 16], dropPath: 0.2 })],
];

for (const [family, model] of MODELS) {
  Deno.test(`checkpoint computes blocks of ${family} twice, in all stages or the first: the same bits, in less memory`, async () => {
    const device = cpuDevice({ threads: 1 });
    const optimizer = pretrainOptimizer({ learningRate: 1e-2 });
    const images = random.normal(random.key(1), [8, 32, 32, 3]);
    const runs = [false, 1, true].map((checkpoint) => {
      const step = jit(
        (train: ReturnType<typeof init>, images: Tensor) =>
          trainStep(model, optimizer, { checkpoint })(train, { images }),
        { device },
      );
      const train = init(model, optimizer, random.key(0), { decoderWidth: 16 });
      const { plannedBytes, flops } = step.stats(train, images);
      return { out: step(train, images), plannedBytes, flops };
    });
    const bytes = runs.map(({ plannedBytes }) => plannedBytes);
    deepStrictEqual(bytes, bytes.toSorted((a, b) => b - a)); // none, the first stage, both
    const flops = runs.map(({ flops }) => flops);
    deepStrictEqual(flops, [...new Set(flops)].sort((a, b) => a - b));
    const [whole, first, thrifty] = runs as [typeof runs[0], typeof runs[0], typeof runs[0]];
    ok(thrifty.plannedBytes < whole.plannedBytes, `${thrifty.plannedBytes} < ${whole.plannedBytes}`);
    const read = (x: unknown) =>
      Promise.all((treeLeaves(x as never) as readonly Tensor[]).map((y) => y.data({ device })));
    for (const { out } of [first, thrifty]) {
      deepStrictEqual(await read(out.train), await read(whole.out.train));
      deepStrictEqual(await read(out.gradientNorm), await read(whole.out.gradientNorm));
    }
    device.close();
  });
}
