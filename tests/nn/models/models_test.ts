import { deepStrictEqual, equal, notDeepStrictEqual, ok } from "node:assert/strict";
import { random, sizeOf, Tensor, tensor, type Tree, treeLeaves } from "../../../tensor/mod.ts";
import {
  type Classifier,
  convnext,
  convnextBase,
  convnextLarge,
  convnextSmall,
  convnextTiny,
  resnet,
  resnet101,
  resnet152,
  resnet18,
  resnet200,
  resnet34,
  resnet50,
  tinyResnet,
} from "../../../nn/mod.ts";
import { gather, patternFromIndices, toDense } from "../../../sparse/mod.ts";
import { assertClose } from "../../support/assert_close.ts";
import { randomValues } from "../../support/random_values.ts";
import { float64, read } from "../support.ts";

const count = (tree: Tree) =>
  (treeLeaves(tree) as readonly Tensor[]).reduce((sum, { shape }) => sum + sizeOf(shape), 0);

/** Parameters without head, as timm and the official ConvNeXt have them. */
const COUNTS: readonly (readonly [() => Classifier, number])[] = [
  [resnet18, 11_176_512],
  [resnet34, 21_284_672],
  [resnet50, 23_508_032],
  [resnet101, 42_500_160],
  [resnet152, 58_143_808],
  [resnet200, 62_624_832],
  [convnextTiny, 27_818_592],
  [convnextSmall, 49_453_152],
  [convnextBase, 87_564_416],
  [convnextLarge, 196_227_264],
];

for (const [make, expected] of COUNTS) {
  Deno.test(`${make.name}() has its number of parameters`, () => {
    equal(count(make().init(random.key(0)).params), expected);
  });
}

const SMALL: readonly Classifier[] = [
  resnet({ block: "bottleneck", depths: [1, 2], widths: [4, 8], stemWidth: 8 }),
  resnet({ block: "basic", depths: [1, 1], widths: [4, 8], stemWidth: 4, stem: "light" }),
  convnext({ depths: [1, 2], dims: [4, 8] }),
];

/** Weights without the zeros that hide the branches of a fresh network. */
async function stirred(model: Classifier): Promise<{ readonly params: Tree; readonly state: Tree }> {
  const { params, state } = model.init(random.key(0), { dtype: "float64" });
  const stir = async (node: Tree, path: string): Promise<Tree> => {
    if (node instanceof Tensor) {
      const values = await read(node);
      const noise = randomValues(path.length, values.length, [0.1, 0.4]);
      return float64(Array.from({ length: values.length }, (_, i) => values[i]! + noise[i]!), node.shape);
    }
    if (Array.isArray(node)) return await Promise.all(node.map((child, i) => stir(child, `${path}${i}`)));
    const pairs = Object.entries(node).map(async ([name, child]) => [name, await stir(child, path + name)] as const);
    return Object.fromEntries(await Promise.all(pairs));
  };
  return { params: await stir(params, ""), state };
}

for (const model of SMALL) {
  Deno.test(`${model.name} of stride ${model.stride} computes the same on dense maps and on the full pattern`, async () => {
    const { params, state } = await stirred(model);
    const side = 2 * model.stride;
    const images = float64(randomValues(1, 2 * side * side * 3), [2, side, side, 3]);
    const cells = Array.from({ length: 8 }, (_, i) => [i >> 2, (i >> 1) & 1, i & 1] as const);
    const visible = gather(images, patternFromIndices(cells, [2, 2, 2]));
    const dense = model.features(params, state, images, { train: true });
    const sparse = model.features(params, state, visible, { train: true });
    deepStrictEqual(dense.features.map((map) => map.shape.at(-1)), model.channels);
    for (const [i, map] of dense.features.entries()) {
      equal(map.shape[1], side / model.stride * 2 ** (model.channels.length - 1 - i));
      const expected = await read(map);
      assertClose(await read(toDense(sparse.features[i]!)), expected, { absolute: 1e-10 }, `map ${i}`);
      ok(Array.from(expected).some((v) => Math.abs(v) > 0.1));
    }
    const states = [dense.state, sparse.state].map((tree) => treeLeaves(tree) as readonly Tensor[]);
    for (const [i, x] of states[0]!.entries()) {
      assertClose(await read(states[1]![i]!), await read(x), { absolute: 1e-10 }, `state ${i}`);
    }
  });

  Deno.test(`${model.name} of stride ${model.stride} scores classes, and drops paths with a key only`, async () => {
    const { params: encoder, state } = await stirred(model);
    const side = 2 * model.stride;
    const images = float64(randomValues(2, 3 * side * side * 3), [3, side, side, 3]);
    const head = model.initHead(random.key(1), { classes: 5, dtype: "float64" });
    const run = (options: object) => model.logits({ encoder, head }, state, images, options).logits;
    deepStrictEqual(run({}).shape, [3, 5]);
    const calm = await read(run({ train: true, dropPath: 0.9 }));
    assertClose(await read(run({ train: true })), calm);
    notDeepStrictEqual(await read(run({ train: true, dropPath: 0.9, key: random.key(5) })), calm);
  });
}

Deno.test("a fresh ResNet's blocks are their shortcuts", async () => {
  const model = resnet({ block: "basic", depths: [2], widths: [4], stemWidth: 4, stem: "light" });
  const { params, state } = model.init(random.key(0));
  const x = tensor(Float32Array.from(randomValues(3, 48)), { shape: [1, 4, 4, 3] });
  const stem = resnet({ block: "basic", depths: [1], widths: [4], stemWidth: 4, stem: "light" });
  const expected = await read(stem.features(params, state, x, { train: true }).features[0]!);
  assertClose(await read(model.features(params, state, x, { train: true }).features[0]!), expected);
});

Deno.test("tinyResnet() divides 96 pixels into 6×6 patches", () => {
  const model = tinyResnet();
  equal(96 / model.stride, 6);
  deepStrictEqual(model.channels, [32, 64, 128, 256]);
});
