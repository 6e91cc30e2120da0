import { deepStrictEqual, equal, match, ok, rejects, throws } from "node:assert/strict";
import { random, zeros } from "../../../tensor/mod.ts";
import { loadModel, modelEntry } from "../../../spark/train/model_file.ts";

const NN = new URL("../../../nn/mod.ts", import.meta.url).href;

/** A small network without a head. */
const MODEL = `
import { conv2d, initConv2d, relu } from "${NN}";
import { random } from "${NN.replace("nn/", "tensor/")}";
const model = {
  name: "two_convolutions", stride: 8, channels: [16, 32], densifyNorm: "none",
  init: (key) => ({ params: [
    initConv2d(random.foldIn(key, 0), { inChannels: 3, outChannels: 16, kernel: 4 }),
    initConv2d(random.foldIn(key, 1), { inChannels: 16, outChannels: 32, kernel: 2 }),
  ], state: {} }),
  features: (params, state, x) => {
    const fine = relu(conv2d(params[0], x, { stride: 4 }));
    return { features: [fine, relu(conv2d(params[1], fine, { stride: 2 }))], state };
  },
};
`;

async function withFile(text: string, f: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(path, text);
    await f(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("loadModel() makes the model of a file known, with a recipe and a linear head", () =>
  withFile(
    `${MODEL}export default model; export const recipe = { inputSize: [64, 64], decoderWidth: 16 };`,
    async (path) => {
      throws(() => modelEntry(path), /^RangeError: Cannot make a model as --model must be one of tiny_resnet8/);
      equal(await loadModel(path), path);
      const { make, recipe } = modelEntry(path);
      deepStrictEqual([recipe.inputSize, recipe.decoderWidth, recipe.epochs], [[64, 64], 16, 1600]);
      const model = make();
      deepStrictEqual([model.name, model.recipe], ["two_convolutions", { dropPath: 0, beta2: 0.95 }]);
      const { params, state } = model.init(random.key(0));
      const head = model.initHead(random.key(1), { classes: 7 });
      deepStrictEqual(model.logits({ encoder: params, head }, state, zeros([2, 16, 16, 3])).logits.shape, [2, 7]);
      equal(await loadModel("resnet50"), "resnet50");
    },
  ));

Deno.test("loadModel() takes a model under either name, as it is or made by a function", async () => {
  const ways = ["export { model };", "export default () => model;", "export default async () => model;"];
  for (const way of ways) {
    await withFile(MODEL + way, async (path) => ok(modelEntry(await loadModel(path)).make().initHead));
  }
});

const REFUSED: readonly (readonly [string, RegExp])[] = [
  ["export const x = 1;", /must export a record by default or as model: current export is undefined; see docs/],
  ["export default { name: 'x' };", /its stride must be a number: current stride is undefined/],
  [`${MODEL}export default { ...model, channels: 3 };`, /its channels must be a list: current channels is number/],
  [`${MODEL}export default { ...model, densifyNorm: "gn" };`, /densifyNorm must be bn, ln or none: .* is gn/],
  [`${MODEL}export default { ...model, channels: [16, 33] };`, /^Cannot pre-train two_convolutions as its maps/],
  [`${MODEL}export default model; export const recipe = { epoch: 3 };`, /its recipe may have inputSize, .* has epoch/],
  ["throw new Error('first\\nsecond');", /as a model as its module must run: current error is first$/],
  ["import './absent.ts';", /as its module must run: current error is /],
];

Deno.test("loadModel() says what a file lacks", async () => {
  for (const [text, message] of REFUSED) {
    await withFile(text, async (path) => {
      await rejects(loadModel(path), (error: Error) => {
        match(error.message, message);
        return !error.message.includes("\n");
      }, text);
    });
  }
  await rejects(
    loadModel("absent.ts"),
    /^RangeError: Cannot load absent.ts as a model as it must be a file that is there/,
  );
});
