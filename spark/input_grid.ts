import { ShapeError, type Tensor, type Tree, treeLeaves, zeros } from "../tensor/mod.ts";
import { inChannelsOf, type Model } from "../nn/mod.ts";

/**
 * Counts the patches of an image: one per cell of the coarsest feature map, or fewer, larger ones.
 *
 * @param model The model.
 * @param inputSize Height and width in pixels.
 * @param patchSize Height and width of a patch, a multiple of the model's stride; the stride if not given.
 * @returns Rows and columns of the patch grid.
 * @throws {RangeError} If the patch is no multiple of the stride, or a side none of the patch, with the nearest sizes
 * that are.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { resnet50 } from "@tessera/tessera/nn";
 * import { inputGrid } from "@tessera/tessera/spark";
 *
 * deepStrictEqual(inputGrid(resnet50(), [224, 160]), [7, 5]);
 * ```
 */
export function inputGrid(
  { name, stride }: Pick<Model, "name" | "stride">,
  inputSize: readonly [number, number],
  patchSize: number = stride,
): readonly [number, number] {
  if (!(Number.isInteger(patchSize) && patchSize >= stride && patchSize % stride === 0)) {
    throw new RangeError(
      `Cannot divide images into patches as their size must be a multiple of ${stride}, the stride of ${name}: current ` +
        `patch size is ${patchSize}`,
    );
  }
  const nearest = (size: number) => {
    const below = Math.floor(size / patchSize) * patchSize;
    return size > 0 && size % patchSize === 0 ? [size] : [below, below + patchSize].filter((side) => side > 0);
  };
  const [rows, columns] = inputSize.map((size) => size / patchSize) as [number, number];
  if ([rows, columns].every((cells) => Number.isInteger(cells) && cells > 0)) return [rows, columns];
  const options = nearest(inputSize[0]).flatMap((height) => nearest(inputSize[1]).map((width) => `${height}×${width}`));
  throw new RangeError(
    `Cannot divide images into patches as height and width must be multiples of ${patchSize}, ` +
      `the ${patchSize === stride ? "stride" : "patch size"} of ${name}: current size is ${inputSize[0]}×${
        inputSize[1]
      }, nearest sizes that fit are ${options.join(", ")}`,
  );
}

/**
 * Checks that a model is what pre-training needs: its maps halve from one to the next, have the channels it names, and
 * the last has its whole stride, a power of two. Nothing is computed.
 *
 * @param model The model.
 * @param params Its parameters.
 * @param state Its state.
 * @throws {RangeError} If the stride is no power of two, or there are too many maps for it.
 * @throws {ShapeError} If a map has another shape than the model says.
 *
 * @example Usage
 * ```ts
 * import { tinyResnet } from "@tessera/tessera/nn";
 * import { checkModel } from "@tessera/tessera/spark";
 * import { random } from "@tessera/tessera/tensor";
 *
 * const model = tinyResnet();
 * const { params, state } = model.init(random.key(0));
 * checkModel(model, params, state);
 * ```
 */
export function checkModel(model: Model, params: Tree, state: Tree): void {
  const { name, stride, channels } = model;
  const levels = Math.log2(stride);
  if (!Number.isInteger(levels) || levels < 1) {
    throw new RangeError(`Cannot pre-train ${name} as its stride must be a power of two: current stride is ${stride}`);
  }
  if (channels.length < 1 || channels.length > levels) {
    throw new RangeError(
      `Cannot pre-train ${name} as it must have 1 to ${levels} feature maps for stride ${stride}: current number is ` +
        `${channels.length}`,
    );
  }
  const [first] = treeLeaves(params) as readonly Tensor[];
  const { features } = model.features(
    params,
    state,
    zeros([1, 2 * stride, 2 * stride, inChannelsOf(model)], { dtype: first?.dtype }),
  );
  const expected = channels.map((count, i) => {
    const side = 2 * 2 ** (channels.length - 1 - i);
    return [1, side, side, count];
  });
  const given = features.map((map) => map.shape);
  if (JSON.stringify(given) === JSON.stringify(expected)) return;
  const wanted = expected.map((shape) => `[${shape.join(", ")}]`).join(" and ");
  throw new ShapeError(`pre-train ${name}`, `its maps of a ${2 * stride}-pixel image must be ${wanted}`, given);
}
