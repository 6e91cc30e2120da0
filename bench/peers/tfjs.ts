/**
 * @file The side of TensorFlow.js: `deno run -A --no-config --no-lock bench/peers/tfjs.ts wasm|webgpu`. Its wasm backend
 * runs on one thread: Deno counts as Node for it, where it has no other.
 */
import { type Input, type Program, serve } from "./side.ts";
import { CNN, type Composed, isComposed, labelsOf, nameOf, type Work } from "./work.ts";

/** The part of a tensor that is used. */
interface TfTensor {
  data(): Promise<Float32Array<ArrayBuffer>>;
  dispose(): void;
  mul(other: TfTensor | number): TfTensor;
  sub(other: TfTensor): TfTensor;
  sum(axis?: number): TfTensor;
  mean(axis?: number | readonly number[]): TfTensor;
  relu(): TfTensor;
  exp(): TfTensor;
  log(): TfTensor;
}

type Shape = readonly number[];

/** The part of the webgpu backend that is used: it collects kernels in one pass until it is read. */
interface TfBackend {
  readonly queue?: GPUQueue;
  readonly commandEncoder?: GPUCommandEncoder | null;
  endComputePassEncoder?(): void;
  submitQueue?(): void;
}

/** The part of the library that is used. */
interface Library {
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  tensor(data: Float32Array, shape: Shape): TfTensor;
  matMul(a: TfTensor, b: TfTensor): TfTensor;
  conv2d(x: TfTensor, w: TfTensor, stride: number, padding: number): TfTensor;
  tidy<T>(f: () => T): T;
  grads(f: (...args: TfTensor[]) => TfTensor): (args: readonly TfTensor[]) => TfTensor[];
  backend(): TfBackend;
  engine(): { runKernel(name: string, inputs: object, attributes: object): TfTensor };
}

const backendName = Deno.args[0] ?? "wasm";
const tf: Library = await import(["npm:@tensorflow", "tfjs@4.22.0"].join("/"));
const backend = await import(["npm:@tensorflow", `tfjs-backend-${backendName}@4.22.0`].join("/"));
if (backendName === "wasm") backend.setWasmPaths(await wasmFolder());
if (!await tf.setBackend(backendName)) {
  throw new Error(`Cannot use ${backendName} as it must start: current state is failed`);
}
await tf.ready();

/** Where the package manager keeps the binaries. */
async function wasmFolder(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  const { npmCache } = JSON.parse(new TextDecoder().decode(stdout));
  for await (const { name } of Deno.readDir(npmCache)) {
    const folder = `${npmCache}/${name}/@tensorflow/tfjs-backend-wasm/4.22.0/dist/`;
    if (await Deno.stat(folder).then(() => true, () => false)) return folder;
  }
  throw new Error(`Cannot find the binaries of the wasm backend as they must be cached: current cache is ${npmCache}`);
}

/** Waits for the GPU; the wasm backend computes at once. */
async function wait(): Promise<void> {
  const backend = tf.backend();
  backend.endComputePassEncoder?.();
  if (backend.commandEncoder) backend.submitQueue?.();
  await backend.queue?.onSubmittedWorkDone();
}

function programOf(
  compute: () => TfTensor,
  operands: readonly TfTensor[],
  restore: (data: Float32Array<ArrayBuffer>) => Float32Array,
): Program {
  return {
    run: () => tf.tidy(compute).dispose(),
    wait,
    result: async () => restore(await tf.tidy(compute).data()),
    drop: () => operands.forEach((x) => x.dispose()),
  };
}

/** Kernels of the six products, by the names under which backends register them. */
const KERNELS = {
  dense: { forward: "Conv2D", inputGradient: "Conv2DBackpropInput", weightGradient: "Conv2DBackpropFilter" },
  depthwise: {
    forward: "DepthwiseConv2dNative",
    inputGradient: "DepthwiseConv2dNativeBackpropInput",
    weightGradient: "DepthwiseConv2dNativeBackpropFilter",
  },
} as const;

/** `[k, k, 1, C]` to `[k, k, C, 1]` is only another name for the same numbers. */
function filterShape([kh, kw, channels, out]: Shape, depthwise: boolean): Shape {
  return depthwise ? [kh!, kw!, out!, 1] : [kh!, kw!, channels!, out!];
}

function contraction(work: Exclude<Work, Composed>, inputs: Readonly<Record<string, Input>>): Program {
  const same = (data: Float32Array) => data;
  if (work.kind === "matmul") {
    const [a, b] = Object.values(inputs).map(({ shape, data }) => tf.tensor(data, shape)) as [TfTensor, TfTensor];
    return programOf(() => tf.matMul(a, b), [a, b], same);
  }
  if (work.kind === "sparse") {
    throw new Error("Cannot time a sparse product as the library must have one: current library is tfjs");
  }
  const { geometry: { batch, size, channels, outChannels, kernel, stride, padding, groups }, part } = work;
  const depthwise = groups > 1;
  const tensors = Object.entries(inputs).map(([name, { shape, data }]) =>
    tf.tensor(data, name === "w" ? filterShape(shape, depthwise) : shape)
  ) as [TfTensor, TfTensor];
  const names = { forward: ["x", "filter"], inputGradient: ["dy", "filter"], weightGradient: ["x", "dy"] }[part];
  const operands = part === "inputGradient" ? tensors.toReversed() : tensors; // ours are [w, y]
  const attributes = {
    ...{ strides: [stride, stride], pad: padding, dataFormat: "NHWC", dilations: [1, 1], dimRoundingMode: "floor" },
    inputShape: [batch, size, size, channels],
    filterShape: filterShape([kernel, kernel, channels / groups, outChannels], depthwise),
  };
  const kernels = KERNELS[depthwise ? "depthwise" : "dense"];
  const named = Object.fromEntries(names.map((name, i) => [name, operands[i]!]));
  return programOf(() => tf.engine().runKernel(kernels[part], named, attributes), tensors, same);
}

function trainingStep(inputs: Readonly<Record<string, Input>>): Program {
  const [images, ...weights] = Object.values(inputs).map(({ shape, data }) => tf.tensor(data, shape)) as [
    TfTensor,
    ...TfTensor[],
  ];
  const labels = labelsOf(CNN.batch);
  const ones = Array.from(
    { length: CNN.batch * CNN.classes },
    (_, i) => Number(labels[Math.floor(i / CNN.classes)] === i % CNN.classes),
  );
  const targets = tf.tensor(Float32Array.from(ones), [CNN.batch, CNN.classes]);
  const loss = (...given: TfTensor[]) => {
    const head = given.at(-1)!;
    const maps = given.slice(0, -1).reduce((x, w) => tf.conv2d(x, w, 2, 1).relu(), images);
    const logits = tf.matMul(maps.mean([1, 2]), head); // [B, 10]
    return logits.exp().sum(1).log().sub(logits.mul(targets).sum(1)).mean();
  };
  const gradients = tf.grads(loss);
  const advance = (weights: readonly TfTensor[]) =>
    tf.tidy(() => gradients(weights).map((gradient, i) => weights[i]!.sub(gradient.mul(CNN.rate))));
  const current = { weights: weights as readonly TfTensor[] };
  return {
    run: () => {
      const next = advance(current.weights);
      if (current.weights !== weights) current.weights.forEach((w) => w.dispose());
      current.weights = next;
    },
    wait,
    result: async () => {
      const parts = await Promise.all(advance(weights).map((w) => w.data()));
      return Float32Array.from(parts.flatMap((part) => Array.from(part)));
    },
    drop: () => {},
  };
}

await serve((work, inputs) => {
  if (work.kind === "cnn") return trainingStep(inputs);
  if (isComposed(work)) {
    throw new Error(`Cannot time ${nameOf(work)} as it is for libraries that compile: current library is tfjs`);
  }
  return contraction(work, inputs);
});
