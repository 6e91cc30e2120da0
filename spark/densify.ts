/** @file From the sparse maps of the encoder to the dense maps that the decoder reads. */
import { type OptionNames, requireOptions } from "../tensor/kernel.ts";
import { STEP_OPTIONS } from "./step_options.ts";
import { add, cast, mul, random, type Tensor } from "../tensor/mod.ts";
import {
  batchNorm,
  type BatchNormOptions,
  type BatchNormState,
  conv2d,
  type Conv2dParams,
  type DTypeOption,
  initBatchNorm,
  initConv2d,
  initLayerNorm,
  layerNorm,
  type Model,
  type ModelOptions,
  type NormParams,
} from "../nn/mod.ts";
import { shapeOf, type SparseTensor, toDense } from "../sparse/mod.ts";
import { positionEmbedding } from "./position_embedding.ts";

/** Parameters of densification, coarse to fine. */
export interface DensifyParams {
  /** Normalisations; empty records where there is none. */
  readonly norms: readonly (NormParams | Readonly<Record<never, never>>)[];
  /** Convolutions to the decoder's widths; the first is 1×1, or empty where its widths agree; the others are 3×3. */
  readonly projections: readonly (Conv2dParams | Readonly<Record<never, never>>)[];
  /** What stands at masked sites, `[channels]`. */
  readonly maskTokens: readonly Tensor[];
}

/** State of the normalisations, coarse to fine; empty records where there is none. */
export interface DensifyState {
  /** Running statistics. */
  readonly norms: readonly (BatchNormState | Readonly<Record<never, never>>)[];
}

/**
 * Makes the parameters and the state of densification.
 *
 * @param key Random key.
 * @param model Its channels and its kind of normalisation count.
 * @param options `width` of the decoder at the coarsest scale, halved at each finer one; `scales`: how many of the
 * coarsest maps the decoder reads, all if not given; dtype.
 * @returns Parameters and state.
 * @throws {RangeError} If the model does not have so many maps.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { resnet50 } from "@tessera/tessera/nn";
 * import { initDensify } from "@tessera/tessera/spark";
 * import { random } from "@tessera/tessera/tensor";
 *
 * const { params } = initDensify(random.key(0), resnet50(), { width: 768 });
 * deepStrictEqual(params.maskTokens.map((token) => token.shape[0]), [2048, 1024, 512, 256]);
 * ```
 */
export function initDensify(
  key: Tensor,
  model: Pick<Model, "channels" | "densifyNorm">,
  options: DTypeOption & {
    readonly width: number;
    readonly scales?: number;
  },
): { readonly params: DensifyParams; readonly state: DensifyState } {
  requireOptions("initDensify", options, { dtype: true, width: true, scales: true });
  const { width, scales = model.channels.length, dtype = "float32" } = options;
  if (!(Number.isInteger(scales) && scales >= 1 && scales <= model.channels.length)) {
    throw new RangeError(
      `Cannot densify as the scales must be from 1 to ${model.channels.length}, the maps of the model: current number ` +
        `is ${scales}`,
    );
  }
  const channels = model.channels.toReversed().slice(0, scales);
  const projections = channels.map((inChannels, i) => {
    const outChannels = width / 2 ** i;
    if (i === 0 && inChannels === outChannels) return {};
    return initConv2d(random.foldIn(key, i), { inChannels, outChannels, kernel: i === 0 ? 1 : 3, dtype });
  });
  const tokenKey = random.foldIn(key, channels.length);
  const maskTokens = channels.map((count, i) => initToken(random.foldIn(tokenKey, i), count));
  const norms = channels.map((count) => initNorm(count, model.densifyNorm, { dtype }));
  return {
    params: {
      norms: norms.map((norm) => norm.params),
      projections,
      maskTokens: dtype === "float32" ? maskTokens : maskTokens.map((token) => cast(token, dtype)),
    },
    state: { norms: norms.map((norm) => norm.state) },
  };
}

/** N(0, 0.02²) cut at one deviation, as SparK draws its mask tokens; the standard deviation that results is 0.0108. */
function initToken(key: Tensor, channels: number): Tensor {
  return mul(random.truncatedNormal(key, [channels], { lower: -1, upper: 1 }), 0.02);
}

function initNorm(channels: number, kind: Model["densifyNorm"], options: DTypeOption) {
  if (kind === "bn") return initBatchNorm(channels, options);
  return { params: kind === "ln" ? initLayerNorm(channels, options) : {}, state: {} };
}

/** Options of `densify`: as of a model; `positions`: mask tokens carry a position embedding. */
export type DensifyOptions = Pick<ModelOptions, "train" | "statistics"> & { readonly positions?: boolean };

/**
 * Fills sparse maps: normalises the active sites, puts the scale's mask token at the others, and projects the whole to
 * the decoder's width.
 *
 * @param params Of `initDensify`.
 * @param state Of `initDensify`.
 * @param features Sparse maps of the encoder, fine to coarse, as it returns them; the coarsest are filled, as many as
 * there are parameters.
 * @param options `train`: batch statistics. `positions`: adds a fixed position embedding to the mask tokens, an ablation.
 * @returns Dense `maps`, coarse to fine, and the `state` afterwards.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { densify, initDensify, sampleMask } from "@tessera/tessera/spark";
 * import { sparseTensor } from "@tessera/tessera/sparse";
 * import { ones, random } from "@tessera/tessera/tensor";
 *
 * const { params, state } = initDensify(random.key(0), { channels: [4], densifyNorm: "ln" }, { width: 8 });
 * const pattern = sampleMask(random.key(1), { batch: 1, grid: [2, 2], maskRatio: 0.5 });
 * const { maps } = densify(params, state, [sparseTensor(pattern, [1, 1], ones([2, 1, 1, 4]))]);
 * deepStrictEqual(maps[0]!.shape, [1, 2, 2, 8]);
 * ```
 */
export function densify(
  params: DensifyParams,
  state: DensifyState,
  features: readonly SparseTensor[],
  options: DensifyOptions = {},
): { readonly maps: readonly Tensor[]; readonly state: DensifyState } {
  requireOptions(
    "densify",
    options,
    STEP_OPTIONS satisfies OptionNames<DensifyOptions>,
  );
  const { train = false, positions = false, statistics } = options;
  const filled = features.toReversed().slice(0, params.maskTokens.length).map((x, i) => {
    const normalized = normalize(params.norms[i]!, state.norms[i]!, x, { train, ...statistics });
    const token = params.maskTokens[i]!;
    const dense = toDense(normalized.output, positions ? placed(token, x) : token); // [B, H, W, encoder channels]
    const projection = params.projections[i]!;
    const map = "weight" in projection ? conv2d(projection, dense, { padding: i === 0 ? 0 : 1 }) : dense;
    return { map, state: normalized.state };
  });
  return { maps: filled.map(({ map }) => map), state: { norms: filled.map((scale) => scale.state) } };
}

/** The token at every site, with its position, `[H, W, C]`. */
function placed(token: Tensor, x: SparseTensor): Tensor {
  const [, height, width, channels] = shapeOf(x) as readonly [number, number, number, number];
  return add(positionEmbedding([height, width, channels], { dtype: token.dtype }), token);
}

function normalize(
  params: DensifyParams["norms"][number],
  state: DensifyState["norms"][number],
  x: SparseTensor,
  options: BatchNormOptions,
): { readonly output: SparseTensor; readonly state: DensifyState["norms"][number] } {
  if (!("weight" in params)) return { output: x, state };
  return "count" in state ? batchNorm(params, state, x, options) : { output: layerNorm(params, x), state };
}
