/** @file ResNets and ConvNeXts as ONNX graphs: NCHW, weights in official layout, which is that of ONNX. */
import { FileTensor, normalisationFor, type OnnxModel, type OnnxNode, type SafetensorsTensor } from "../../data/mod.ts";
import { requireOptions } from "../../tensor/kernel.ts";
import type { StateDict } from "./export_weights.ts";
import { type ConvNeXtShape, networkShape, type ResNetShape } from "./network_shape.ts";

/** What an ONNX file says besides the network. */
export interface OnnxOptions {
  /** Name of the model. */
  readonly name: string;
  /** Height and width that the images were trained at; others work as well. */
  readonly inputSize: readonly [number, number];
  /** Names of the classes, in the order of the logits. */
  readonly classes?: readonly string[] | null;
}

const [BATCH_EPSILON, LAYER_EPSILON] = [1e-5, 1e-6];

/** Operators so far, and the weights that they take. */
class Graph {
  readonly nodes: OnnxNode[] = [];
  readonly weights = new Map<string, SafetensorsTensor>();
  readonly #state: StateDict;

  constructor(state: StateDict) {
    this.#state = state;
  }

  /** Adds an operator with one output; gives its name. */
  add(op: string, inputs: readonly string[], output: string, attributes: OnnxNode["attributes"] = {}): string {
    this.nodes.push({ op, inputs, outputs: [output], attributes });
    return output;
  }

  /** Takes a weight, of another shape if one is given; gives its name. */
  weight(name: string, shape?: readonly number[]): string {
    const { dtype, shape: own, data } = this.#state.get(name)!;
    this.weights.set(name, new FileTensor(dtype, shape ?? own, data));
    return name;
  }

  /** Whether there is a weight of that name. */
  has(name: string): boolean {
    return this.#state.has(name);
  }

  /** Adds a number. */
  number(name: string, value: number): string {
    this.weights.set(name, new FileTensor("F32", [], Float32Array.of(value)));
    return name;
  }

  /** A convolution without or with bias; the same padding on all sides. */
  conv(name: string, x: string, { stride = 1, padding = 0, group = 1 } = {}): string {
    const [, , height, width] = this.#state.get(`${name}.weight`)!.shape;
    const bias = this.#state.has(`${name}.bias`) ? [this.weight(`${name}.bias`)] : [];
    return this.add("Conv", [x, this.weight(`${name}.weight`), ...bias], `${name}.out`, {
      "kernel_shape": [height!, width!],
      strides: [stride, stride],
      pads: [padding, padding, padding, padding],
      group,
    });
  }

  batchNorm(name: string, x: string): string {
    const parts = ["weight", "bias", "running_mean", "running_var"].map((part) => this.weight(`${name}.${part}`));
    return this.add("BatchNormalization", [x, ...parts], `${name}.out`, { epsilon: { float: BATCH_EPSILON } });
  }

  /** Over the last axis. */
  layerNorm(name: string, x: string): string {
    const parts = ["weight", "bias"].map((part) => this.weight(`${name}.${part}`));
    return this.add("LayerNormalization", [x, ...parts], `${name}.out`, {
      axis: -1,
      epsilon: { float: LAYER_EPSILON },
    });
  }

  /** A linear layer on the last axis of any shape. */
  linear(name: string, x: string): string {
    const turned = this.add("Transpose", [this.weight(`${name}.weight`)], `${name}.turned`, { perm: [1, 0] });
    const product = this.add("MatMul", [x, turned], `${name}.product`);
    return this.add("Add", [product, this.weight(`${name}.bias`)], `${name}.out`);
  }

  /** Means over height and width. */
  pooled(x: string): string {
    return this.add("Flatten", [this.add("GlobalAveragePool", [x], "pooled.map")], "pooled", { axis: 1 });
  }
}

/**
 * Makes the ONNX graph of a backbone, or of a classifier.
 *
 * The input `images` is float32 `[N, 3, H, W]`, RGB, of any batch and size: pixels divided by 255, less ImageNet's mean,
 * divided by its deviation, as the metadata say (`mean`, `std`, `input_size`). A classifier gives `logits` `[N, classes]`,
 * not softmax; the classes' names are in the metadata. A backbone gives its maps `stage1` … `[N, C, h, w]`, fine to
 * coarse, and `pooled` `[N, C]`, the means of the last.
 *
 * @param state Of `backboneStateDict` with official names, with or without a head.
 * @param options Name, size, classes.
 * @returns The graph, for `encodeOnnx`.
 * @throws {RangeError} If the network is neither a ResNet nor a ConvNeXt.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { resnet } from "@tessera/tessera/nn";
 * import { backboneStateDict, onnxModel } from "@tessera/tessera/spark";
 * import { random } from "@tessera/tessera/tensor";
 *
 * const model = resnet({ block: "basic", depths: [1], widths: [4], stemWidth: 4 });
 * const state = await backboneStateDict(model.init(random.key(0)), { naming: "official" });
 * const { outputs } = onnxModel(state, { name: "small", inputSize: [32, 32] });
 * deepStrictEqual(outputs.map(({ name }) => name), ["stage1", "pooled"]);
 * ```
 */
export function onnxModel(state: StateDict, options: OnnxOptions): OnnxModel {
  requireOptions("onnxModel", options, { name: true, inputSize: true, classes: true });
  const { name, inputSize, classes = null } = options;
  const shape = networkShape(state);
  if (!shape) {
    throw new RangeError(
      `Cannot export ${name} to ONNX as it must be a ResNet or a ConvNeXt: current first weight is ` +
        `${[...state.keys()][0]}`,
    );
  }
  const graph = new Graph(state);
  const channels = shape.family === "resnet" ? resnetGraph(graph, shape) : convnextGraph(graph, shape);
  const maps = channels.map((count, i) => ({ name: `stage${i + 1}`, shape: ["N", count, `H${i + 1}`, `W${i + 1}`] }));
  const isClassifier = shape.classes !== null;
  const outputs = isClassifier
    ? [{ name: "logits", shape: ["N", shape.classes!] }]
    : [...maps, { name: "pooled", shape: ["N", channels.at(-1)!] }];
  const { inChannels } = shape;
  const { mean, std } = normalisationFor(inChannels);
  return {
    name,
    nodes: graph.nodes,
    weights: graph.weights,
    inputs: [{ name: "images", shape: ["N", inChannels, "H", "W"] }],
    outputs,
    description: `${name}: images [N, ${inChannels}, H, W]${
      inChannels === 3 ? ", RGB" : ""
    }, values from 0 to 1, (value - mean) / std, to ${outputs.map((x) => x.name)}`,
    metadata: {
      model: name,
      mean: JSON.stringify(mean),
      std: JSON.stringify(std),
      "input_size": JSON.stringify(inputSize),
      ...(isClassifier && classes ? { classes: JSON.stringify(classes) } : {}),
    },
  };
}

function resnetGraph(graph: Graph, { stem, block, depths, widths, classes }: ResNetShape): readonly number[] {
  const isStandard = stem === "standard";
  const first = graph.conv("conv1", "images", { stride: 2, padding: isStandard ? 3 : 1 });
  let x = graph.add("Relu", [graph.batchNorm("bn1", first)], "stem");
  if (isStandard) {
    x = graph.add("MaxPool", [x], "stem.pooled", { "kernel_shape": [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
  }
  depths.forEach((depth, stage) => {
    for (let i = 0; i < depth; i++) {
      const isLast = i === depth - 1;
      x = residual(graph, `layer${stage + 1}.${i}`, x, {
        isBottleneck: block === "bottleneck",
        stride: i === 0 && stage > 0 ? 2 : 1,
        output: isLast ? `stage${stage + 1}` : `layer${stage + 1}.${i}.out`,
      });
    }
  });
  const pooled = graph.pooled(x);
  if (classes !== null) {
    graph.add("Gemm", [pooled, graph.weight("fc.weight"), graph.weight("fc.bias")], "logits", { transB: 1 });
  }
  return widths.map((width) => width * (block === "bottleneck" ? 4 : 1));
}

/** The stride is that of the 3×3 of a bottleneck, of the first of two. */
function residual(
  graph: Graph,
  name: string,
  x: string,
  { isBottleneck, stride, output }: {
    readonly isBottleneck: boolean;
    readonly stride: number;
    readonly output: string;
  },
): string {
  const kernels = isBottleneck ? [1, 3, 1] : [3, 3];
  const strided = isBottleneck ? 1 : 0;
  let y = x;
  kernels.forEach((kernel, i) => {
    const options = { stride: i === strided ? stride : 1, padding: (kernel - 1) / 2 };
    y = graph.batchNorm(`${name}.bn${i + 1}`, graph.conv(`${name}.conv${i + 1}`, y, options));
    if (i < kernels.length - 1) y = graph.add("Relu", [y], `${name}.relu${i + 1}`);
  });
  const hasShortcut = graph.has(`${name}.downsample.0.weight`);
  const shortcut = hasShortcut
    ? graph.batchNorm(`${name}.downsample.1`, graph.conv(`${name}.downsample.0`, x, { stride }))
    : x;
  return graph.add("Relu", [graph.add("Add", [y, shortcut], `${name}.sum`)], output);
}

const [LAST, FIRST] = [[0, 2, 3, 1], [0, 3, 1, 2]] as const;

function convnextGraph(graph: Graph, { depths, dims, classes }: ConvNeXtShape): readonly number[] {
  graph.number("half", 0.5);
  graph.number("one", 1);
  graph.number("root", Math.SQRT2);
  let x = "images";
  depths.forEach((depth, stage) => {
    const name = `downsample_layers.${stage}`;
    x = stage === 0
      ? channelNorm(graph, `${name}.1`, graph.conv(`${name}.0`, x, { stride: 4 }))
      : graph.conv(`${name}.1`, channelNorm(graph, `${name}.0`, x), { stride: 2 });
    for (let i = 0; i < depth; i++) {
      const output = i === depth - 1 ? `stage${stage + 1}` : `stages.${stage}.${i}.out`;
      x = convnextBlock(graph, `stages.${stage}.${i}`, x, { channels: dims[stage]!, output });
    }
  });
  const pooled = graph.pooled(x);
  if (classes !== null) {
    const normed = graph.layerNorm("norm", pooled);
    graph.add("Gemm", [normed, graph.weight("head.weight"), graph.weight("head.bias")], "logits", { transB: 1 });
  }
  return dims;
}

/** Layer norm over the channels of a map. */
function channelNorm(graph: Graph, name: string, x: string): string {
  const last = graph.add("Transpose", [x], `${name}.last`, { perm: LAST });
  return graph.add("Transpose", [graph.layerNorm(name, last)], `${name}.first`, { perm: FIRST });
}

function convnextBlock(
  graph: Graph,
  name: string,
  x: string,
  { channels, output }: { readonly channels: number; readonly output: string },
): string {
  const mixed = graph.conv(`${name}.dwconv`, x, { padding: 3, group: channels });
  const last = graph.add("Transpose", [mixed], `${name}.last`, { perm: LAST });
  const wide = graph.linear(`${name}.pwconv1`, graph.layerNorm(`${name}.norm`, last));
  // GELU by erf: x / 2 (1 + erf(x / √2))
  const erf = graph.add("Erf", [graph.add("Div", [wide, "root"], `${name}.scaled`)], `${name}.erf`);
  const gate = graph.add("Mul", [graph.add("Add", [erf, "one"], `${name}.erf1`), "half"], `${name}.gate`);
  const active = graph.add("Mul", [wide, gate], `${name}.gelu`);
  const branch = graph.add(
    "Mul",
    [graph.linear(`${name}.pwconv2`, active), graph.weight(`${name}.gamma`)],
    `${name}.scale`,
  );
  const first = graph.add("Transpose", [branch], `${name}.first`, { perm: FIRST });
  return graph.add("Add", [x, first], output);
}
