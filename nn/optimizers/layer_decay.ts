/** @file Learning rates that fall with the distance from the head, by the groups of SparK's fine-tuning code. */
import { mul, type Tree, treeFlatten, treeUnflatten } from "../../tensor/core.ts";
import { requireOptions } from "../../tensor/parts.ts";
import { namesOf } from "./parameter_names.ts";
import type { GradientTransformation } from "./transformation.ts";

/** Groups of an encoder's parameters, from the input on. */
export interface LayerGroups {
  /** Group of each parameter, from 0. */
  readonly ids: readonly number[];
  /** The last group, N; the head is N + 1. */
  readonly last: number;
}

/** How groups are made where SparK's recipes differ. */
export interface LayerGroupOptions {
  /** Second stage of a ResNet: `pairs` of blocks, or fours, as in fine-tuning (the default); all in `one`, as in detection. */
  readonly secondStage?: "pairs" | "one";
}

/**
 * Groups the parameters of an encoder.
 *
 * ResNets: stem 0, first stage 1, then pairs of blocks in the second stage (fours where it has eight or more), threes in
 * the third (fours from 36 on), and the last stage in one. ConvNeXts: stem 0, stages and the layers before them 1, 2,
 * then threes of blocks in the third stage, and the fourth in one. Other models: each top-level entry of the parameters
 * is a group, in their order.
 *
 * @param names Names of the parameters, such as `layer2.0.conv1.weight` or `stages.2.8.gamma`.
 * @param options Groups of the second stage.
 * @returns Group of each, and the last.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { layerGroups } from "@tessera/tessera/nn";
 *
 * deepStrictEqual(layerGroups(["conv1.weight", "layer1.0.conv1.weight", "layer2.0.conv1.weight"]).ids, [0, 1, 2]);
 * ```
 */
export function layerGroups(names: readonly string[], options: LayerGroupOptions = {}): LayerGroups {
  requireOptions("layerGroups", options, { secondStage: true });
  const isResnet = names.some((name) => /^layer\d+\.\d/.test(name));
  const isConvnext = names.some((name) => /^stages\.\d+\.\d/.test(name));
  if (isResnet) return resnetGroups(names, options.secondStage ?? "pairs");
  return isConvnext ? convnextGroups(names) : groupsByEntry(names);
}

/** Blocks of each stage, for names of the form `<stage>.<block>.…` after `prefix`. */
function depthsOf(names: readonly string[], prefix: RegExp, first: number): readonly number[] {
  const depths: number[] = [];
  for (const name of names) {
    const [, stage, block] = prefix.exec(name) ?? [];
    if (stage === undefined) continue;
    depths[Number(stage) - first] = Math.max(depths[Number(stage) - first] ?? 0, Number(block) + 1);
  }
  return depths;
}

function resnetGroups(names: readonly string[], secondStage: "pairs" | "one"): LayerGroups {
  const pattern = /^layer(\d+)\.(\d+)\./;
  const depths = depthsOf(names, pattern, 1);
  const sizes = depths.map((depth, stage) => {
    if (stage === 0 || stage === depths.length - 1) return depth; // in one
    if (stage === 1 && secondStage === "one") return depth;
    return stage === 1 ? (depth < 8 ? 2 : 4) : depth < 36 ? 3 : 4;
  });
  const starts = startsOf(depths, sizes);
  const ids = names.map((name) => {
    const [, stage, block] = pattern.exec(name) ?? [];
    if (stage === undefined) return 0;
    return starts[Number(stage) - 1]! + Math.floor(Number(block) / sizes[Number(stage) - 1]!);
  });
  return { ids, last: starts.at(-1)! };
}

/** First group of each stage: 1 for the first, and one after the other. */
function startsOf(depths: readonly number[], sizes: readonly number[]): readonly number[] {
  return depths.reduce<number[]>(
    (starts, _, stage) =>
      stage === 0 ? [1] : [...starts, starts[stage - 1]! + Math.ceil(depths[stage - 1]! / sizes[stage - 1]!)],
    [],
  );
}

function convnextGroups(names: readonly string[]): LayerGroups {
  const pattern = /^stages\.(\d+)\.(\d+)\./;
  const depths = depthsOf(names, pattern, 0);
  const sizes = depths.map((depth, stage) => stage === 2 ? 3 : depth);
  const starts = startsOf(depths, sizes);
  const ids = names.map((name) => {
    const [, stage, block] = pattern.exec(name) ?? [];
    if (stage !== undefined) return starts[Number(stage)]! + Math.floor(Number(block) / sizes[Number(stage)]!);
    const [, before] = /^downsample_?[lL]ayers\.(\d+)\./.exec(name) ?? [];
    return before === undefined || before === "0" ? 0 : starts[Number(before)]!;
  });
  return { ids, last: Math.max(...ids) };
}

function groupsByEntry(names: readonly string[]): LayerGroups {
  const entries = [...new Set(names.map((name) => name.split(".")[0]!))];
  const ids = names.map((name) => entries.indexOf(name.split(".")[0]!));
  return { ids, last: Math.max(0, ...ids) };
}

/** Options of `scaleByLayer`. */
export interface LayerScaleOptions extends LayerGroupOptions {
  /** Name of the part of the parameters that has layers; `encoder` if not given. */
  readonly encoder?: string;
}

/**
 * Multiplies the update of each parameter by `decay^(N + 1 - group)`: 1 for the head, less for what lies nearer to the
 * input. At the end of a chain it decays the learning rates by layer.
 *
 * @param decay Factor between neighbouring groups, in (0, 1]; 1 changes nothing.
 * @param options `encoder`: name of the part that has layers, `encoder` if not given; groups of the second stage.
 * @returns The transformation, for parameters that are a record of `encoder` and others, such as `head`.
 * @throws {RangeError} If the decay is out of range.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { chain, scaleByLayer, sgd } from "@tessera/tessera/nn";
 * import { tensor } from "@tessera/tessera/tensor";
 *
 * const optimizer = chain(sgd({ learningRate: 1 }), scaleByLayer(0.5));
 * const params = { encoder: { w: tensor([0]) }, head: { w: tensor([0]) } };
 * const gradients = { encoder: { w: tensor([1]) }, head: { w: tensor([1]) } };
 * const [updates] = optimizer.update(gradients, optimizer.init(params), params);
 * equal(await updates.encoder.w.item(), -0.5);
 * ```
 */
export function scaleByLayer(decay: number, options: LayerScaleOptions = {}): GradientTransformation {
  requireOptions("scaleByLayer", options, { encoder: true, secondStage: true });
  if (!(decay > 0 && decay <= 1)) {
    throw new RangeError(`Cannot decay rates by layer as the factor must lie in (0, 1]: current factor is ${decay}`);
  }
  return {
    init: () => ({}),
    update(updates, state) {
      const scales = scalesOf(updates, decay, options);
      const { leaves, structure } = treeFlatten<Tree>(updates);
      const scaled = leaves.map((x, i) => scales[i] === 1 ? x : mul(x, scales[i]!));
      return [treeUnflatten(structure, scaled) as typeof updates, state];
    },
  };
}

/** The factor of each leaf; of models that are not known, layers stand in the order of their record, not of its sorted keys. */
function scalesOf(params: Tree, decay: number, options: LayerScaleOptions): readonly number[] {
  const names = namesOf(params);
  const layers = Object.values(params).flatMap((part) => Object.keys(part));
  const layerOf = (name: string) => layers.indexOf(name.split(".")[1]!);
  const ordered = names.toSorted((a, b) => layerOf(a) - layerOf(b));
  const scales = layerScales(ordered, decay, options);
  return names.map((name) => scales[ordered.indexOf(name)]!);
}

/**
 * The factor of each parameter's learning rate.
 *
 * @param names Names of the parameters, `encoder.…` and `head.…`.
 * @param decay Factor between neighbouring groups.
 * @param options As of `scaleByLayer`.
 * @returns Factors, in the order of the names.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { layerScales } from "@tessera/tessera/nn";
 *
 * deepStrictEqual(layerScales(["encoder.conv1.weight", "encoder.layer1.0.conv1.weight", "head.weight"], 0.5), [0.25, 0.5, 1]);
 * ```
 */
export function layerScales(
  names: readonly string[],
  decay: number,
  options: LayerScaleOptions = {},
): readonly number[] {
  requireOptions("layerScales", options, { encoder: true, secondStage: true });
  const { encoder: part = "encoder", ...groups } = options;
  const encoder = names.filter((name) => name.startsWith(`${part}.`));
  const { ids, last } = layerGroups(encoder.map((name) => name.slice(part.length + 1)), groups);
  const idOf = new Map(encoder.map((name, i) => [name, ids[i]!]));
  return names.map((name) => decay ** (last + 1 - (idOf.get(name) ?? last + 1)));
}
