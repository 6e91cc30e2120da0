/** @file Which parameters of a backbone are not learned: FREEZE_AT of detectron2. */
import { stopGradient, type Tree, treeFlatten, treeUnflatten } from "../../tensor/core.ts";
import { namesOf } from "../optimizers/parameter_names.ts";

/** Stage of a parameter: 0 of the stem, 1 of the first stage; null: the network's parts have other names. */
function stageOf(name: string): number | null {
  if (/^(conv1|bn1)\./.test(name)) return 0;
  const [, resnet] = /^layer(\d+)\./.exec(name) ?? [];
  if (resnet !== undefined) return Number(resnet);
  const [, stage] = /^stages\.(\d+)\./.exec(name) ?? [];
  if (stage !== undefined) return Number(stage) + 1;
  const [, before] = /^downsampleLayers\.(\d+)\./.exec(name) ?? [];
  if (before === undefined) return null;
  return before === "0" ? 0 : Number(before) + 1;
}

/**
 * Tells whether a parameter of a backbone is not learned.
 *
 * @param name Its name in a ResNet or ConvNeXt, such as `layer1.0.conv1.weight`.
 * @param freezeAt Parts that are not, from the input on: 1 the stem, 2 the first stage too.
 * @returns True if it is of one of them.
 * @throws {RangeError} If parts are to be frozen, and those of the network cannot be told from its names.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { isFrozen } from "@tessera/tessera/nn";
 *
 * const names = ["conv1.weight", "layer1.0.conv1.weight", "layer2.0.conv1.weight"];
 * deepStrictEqual(names.map((name) => isFrozen(name, 2)), [true, true, false]);
 * ```
 */
export function isFrozen(name: string, freezeAt: number): boolean {
  if (freezeAt === 0) return false;
  const stage = stageOf(name);
  if (stage !== null) return stage < freezeAt;
  throw new RangeError(
    `Cannot freeze parts of a backbone as its parameters must be named as those of a ResNet or ConvNeXt: current name is ${name}`,
  );
}

/** Parameters of a backbone through which no gradient flows to those that are frozen. */
export function withFrozen(params: Tree, freezeAt: number): Tree {
  if (freezeAt === 0) return params;
  const { leaves, structure } = treeFlatten<Tree>(params);
  const names = namesOf(params);
  return treeUnflatten(structure, leaves.map((x, i) => isFrozen(names[i]!, freezeAt) ? stopGradient(x) : x));
}
