/** @file Fills a model as a golden case says, runs it, and compares everything that the case holds. */
import { type Device, jit, random, sqrt, square, stack, sum, type Tensor, tensor, type Tree, valueAndGrad } from "../../tensor/mod.ts";
import {
  applyUpdates,
  convnext,
  globalNorm,
  lamb,
  type Model,
  momentsOf,
  type Optimizer,
  type OptimizerState,
  resnet,
  withMoments,
} from "../../nn/mod.ts";
import { patternFromIndices, type SparsePattern, toDense } from "../../sparse/mod.ts";
import {
  decays,
  evaluate,
  forward,
  importOfficial,
  initParams,
  lossAndGradients,
  type OfficialEntry,
  officialEntries,
  patchLoss,
  type SparkParams,
  type SparkState,
  tensorOf,
  toOfficial,
} from "../../spark/mod.ts";
import { type Case, type Expected, fillImages, fillTensor, type Spec, type Summary } from "./format.ts";
import { differing, sendThrough, type Through } from "./through.ts";
import { compareSummary, type HostTensor, measure, type Measurement, type Pair, relative, type Tolerance, toleranceOf } from "./tolerance.ts";

/** A filled model and its input. */
interface Setup {
  readonly model: Model;
  readonly weights: { readonly params: SparkParams; readonly state: SparkState };
  readonly input: { readonly images: Tensor; readonly pattern: SparsePattern };
  readonly entries: readonly OfficialEntry[];
  readonly expected: Expected;
  readonly device: Device;
  readonly dtype: "float64" | "float32";
  readonly tolerance: Tolerance;
  readonly inputSize: readonly [number, number];
  readonly through: Through | undefined;
}

/** The trace that every device is compared with: exact arithmetic, as float32 runs of the official code differ among themselves. */
function exactTrace({ name, expected }: Case): Expected {
  const trace = expected.find(({ dtype }) => dtype === "float64");
  if (trace) return trace;
  throw new TypeError(`Cannot run a case as it must have a float64 trace: current case is ${name}`);
}

/**
 * Runs a case and compares it.
 *
 * @param golden The case.
 * @param device Where to run.
 * @param through A kind of file that weights and moments go through, before the first step and after it.
 * @returns One measurement per quantity that the trace holds.
 */
export async function compareCase(
  golden: Case,
  device: Device,
  through?: Through,
): Promise<readonly Measurement[]> {
  const expected = exactTrace(golden);
  const filled = prepare(golden, expected, { device, through });
  const { weights, kept } = await sent(filled, filled.weights, "weights");
  const setup = { ...filled, weights };
  const optimizer = expected.training && optimizerOf(expected.training);
  const first = jit((weights: Setup["weights"]) => firstStep(setup, weights, optimizer), { device })(setup.weights);
  const measurements = [...kept, ...await compareFirst(setup, first)];
  if (!optimizer) return measurements;
  return [...measurements, ...await compareTraining(setup, first, optimizer)];
}

/** Weights after their way through a file, and whether they are what they were. */
interface Returned<T> {
  readonly weights: T;
  readonly kept: readonly Measurement[];
}

/** Sends weights, and moments if there are any, through a file, which must change no bit; nothing if there is none. */
async function sent<T extends Setup["weights"]>(setup: Setup, weights: T, when: string): Promise<Returned<T>> {
  const { through, model, inputSize, dtype } = setup;
  if (!through) return { weights, kept: [] };
  const { optimizer } = weights as { readonly optimizer?: OptimizerState<SparkParams> };
  const moments = optimizer ? { optimizer: momentsOf(optimizer) } : {};
  const original = { params: weights.params, state: weights.state, ...moments };
  const { params, state, optimizer: found } = await sendThrough(through, model, original, { inputSize, dtype });
  const received = { params, state, ...(optimizer ? { optimizer: found } : {}) };
  const { count, first } = await differing(original, received);
  const kept = { quantity: `${through}, ${when}`, error: count, tolerance: 0, worst: first };
  const again = optimizer && found ? { optimizer: withMoments(optimizer, found) } : {};
  return { weights: { ...weights, params, state, ...again }, kept: [kept] };
}

function prepare(
  { spec, float32Spread }: Case,
  expected: Expected,
  { device, through }: Pick<Setup, "device" | "through">,
): Setup {
  const dtype = device.name === "reference" ? "float64" : "float32";
  const model = modelOf(spec);
  const size = typeof spec.inputSize === "number" ? [spec.inputSize, spec.inputSize] as const : spec.inputSize;
  const skeleton = initParams(model, random.key(0), { decoderWidth: spec.decoderWidth });
  const entries = officialEntries(skeleton, { inputSize: size });
  const positions = new Map(entries.map((entry, i) => [entry, i + spec.fillOffset]));
  const fill = (entry: OfficialEntry) => fillTensor(entry.key, entry.shape, positions.get(entry)!);
  const weights = importOfficial(skeleton, entries, fill, { dtype });
  const shape = [spec.active.length, ...size] as const;
  const images = tensor(fillImages(shape, spec.fillOffset), { dtype, shape: [...shape, 3] });
  const input = { images, pattern: patternOf(spec.active) };
  const tolerance = toleranceOf(dtype, float32Spread);
  return { model, weights, input, entries, expected, device, dtype, tolerance, inputSize: size, through };
}

function withoutFamily(encoder: Spec["encoder"]): Model {
  if (encoder.family === "convnext") return convnext({ depths: encoder.depths, dims: encoder.dims });
  const { family: _, ...options } = encoder;
  return resnet(options);
}

function modelOf({ encoder, densifyNorm }: Spec): Model {
  const model = withoutFamily(encoder);
  return { ...model, densifyNorm: densifyNorm === "bn" || densifyNorm === "ln" ? densifyNorm : "none" };
}

function patternOf(active: Spec["active"]): SparsePattern {
  const indices = active.flatMap((rows, b) =>
    rows.flatMap((cells, y) => cells.flatMap((cell, x) => cell ? [[b, y, x] as const] : []))
  );
  return patternFromIndices(indices, [active.length, active[0]!.length, active[0]![0]!.length]);
}

function optimizerOf(training: NonNullable<Expected["training"]>): Optimizer {
  if (training.optimizer !== "lamb") {
    throw new RangeError(`Cannot run a case as its optimizer must be lamb: current optimizer is ${training.optimizer}`);
  }
  return lamb({
    learningRate: training.lr,
    weightDecay: training.weightDecay,
    mask: decays,
    b1: training.beta1,
    b2: training.beta2,
    epsilon: training.eps,
    maxGradientNorm: training.maxGradNorm,
  });
}

/** L2 norms of the parameters, or of a tree of their form, in the order of the entries: `[n]`. */
function normsOf(tree: Tree, entries: readonly OfficialEntry[]): Tensor {
  const tensors = entries.filter(({ kind }) => kind === "param").map((entry) => tensorOf(tree, entry));
  return stack(tensors.map((x) => sqrt(sum(square(x)))), { axis: 0 });
}

/** Parameters and state after a step of the optimizer. */
function updatedBy(optimizer: Optimizer, gradients: SparkParams, state: OptimizerState<SparkParams>, params: SparkParams) {
  const [updates, next] = optimizer.update(gradients, state, params);
  return { params: applyUpdates(params, updates), state: next };
}

/** The first forward and backward pass, with everything that is traced of it, and the first step of the optimizer. */
function firstStep({ model, input, entries, expected }: Setup, weights: Setup["weights"], optimizer?: Optimizer) {
  const lossOf = (params: SparkParams) => {
    const out = forward(model, { params, state: weights.state }, input, { train: true });
    return [patchLoss(input.images, out.pixels, input.pattern), out] as const;
  };
  const [[loss, out], gradients] = valueAndGrad(lossOf, { hasAux: true })(weights.params);
  const sampled = entries.filter(({ key }) => key in expected.gradientSamples);
  const updated = optimizer && updatedBy(optimizer, gradients, optimizer.init(weights.params), weights.params);
  return {
    loss: loss as Tensor,
    encoder: out.features.map((x) => toDense(x)),
    densified: out.maps as readonly Tensor[],
    reconstruction: out.pixels as Tensor,
    gradientNorms: normsOf(gradients, entries),
    gradientSamples: sampled.map((entry) => tensorOf(gradients, entry)),
    next: updated
      ? { params: updated.params, state: out.state, optimizer: updated.state, norm: globalNorm(gradients) }
      : {},
    parameterNorms: updated ? normsOf(updated.params, entries) : null,
  };
}

type First = ReturnType<typeof firstStep>;

/** Maps `[B, H, W, C]` as NCHW on the host. */
async function toNchw(x: Tensor): Promise<HostTensor> {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const values = await x.data();
  const data = new Float64Array(values.length);
  const area = height * width;
  for (let b = 0; b < batch; b++) {
    for (let p = 0; p < area; p++) {
      for (let c = 0; c < channels; c++) data[(b * channels + c) * area + p] = values[(b * area + p) * channels + c]!;
    }
  }
  return { shape: [batch, channels, height, width], data };
}

async function compareMaps(name: string, maps: readonly Tensor[], expected: readonly Summary[]) {
  const parts = await Promise.all(
    expected.map(async (summary, i) => compareSummary(`${name}.${i}`, await toNchw(maps[i]!), summary)),
  );
  return { norms: parts.flatMap(({ norms }) => norms), samples: parts.flatMap(({ samples }) => samples) };
}

async function compareFirst({ entries, expected, tolerance }: Setup, first: First): Promise<Measurement[]> {
  const maps = async (quantity: string, tensors: readonly Tensor[], summaries: readonly Summary[]) => {
    const { norms, samples } = await compareMaps(quantity, tensors, summaries);
    return measure(quantity, tolerance, [...norms, ...samples]);
  };
  const sampled = entries.filter(({ key }) => key in expected.gradientSamples);
  const unknown = Object.keys(expected.gradientSamples).filter((name) => !sampled.some(({ key }) => key === name));
  const samples = await Promise.all(sampled.map(async (entry, i) => {
    const host = { shape: entry.shape, data: toOfficial(entry, await first.gradientSamples[i]!.data()) };
    const parts = compareSummary(entry.key, host, expected.gradientSamples[entry.key]!);
    return [...parts.norms, ...parts.samples];
  }));
  const floor = 1e-4 * Math.max(...Object.values(expected.gradientL2));
  const gradients = compareNorms(entries, await first.gradientNorms.data(), expected.gradientL2)
    .map((pair) => ({ ...pair, scale: Math.max(pair.scale, floor) }));
  return [
    measure("loss", tolerance, [relative("loss", await first.loss.item(), expected.loss)]),
    await maps("encoder", first.encoder, expected.encoder),
    await maps("densified", first.densified, expected.densified),
    await maps("reconstruction", [first.reconstruction], [expected.reconstruction]),
    measure("gradientL2", tolerance, gradients),
    measure("gradientSamples", tolerance, [...samples.flat(), ...unknown.map((name) => relative(name, NaN, 1))]),
  ];
}

/** Norms by name; a name that only one side has is an error. */
function compareNorms(
  entries: readonly OfficialEntry[],
  norms: ArrayLike<number>,
  expected: Readonly<Record<string, number>>,
): readonly Pair[] {
  const names = entries.filter(({ kind }) => kind === "param").map((entry) => entry.key);
  const got = new Map(names.map((name, i) => [name, norms[i]!]));
  const all = [...new Set([...names, ...Object.keys(expected)])];
  return all.map((name) => relative(name, got.get(name) ?? NaN, expected[name] ?? NaN));
}

/**
 * The global gradient norm as the trace has it: the official optimizer adds the squares in float32 even in a float64 run,
 * decayed parameters first, which shifts the norm by up to 1e-6. That sum is repeated here to be compared sharply; if
 * the optimizer's own norm is not that one but for rounding, the own one is returned, and found wrong.
 */
async function tracedNorm({ entries, dtype }: Setup, own: Tensor, norms: Tensor): Promise<number> {
  const norm = await own.item();
  if (dtype === "float32") return norm;
  const values = await norms.data();
  const params = entries.filter(({ kind }) => kind === "param").map(({ decays }, i) => ({ decays, norm: values[i]! }));
  const ordered = [...params.filter((param) => param.decays), ...params.filter((param) => !param.decays)];
  const squares = ordered.reduce((total, param) => Math.fround(total + Math.fround(param.norm ** 2)), 0);
  const traced = Math.fround(Math.sqrt(squares));
  return Math.abs(norm - traced) <= 2e-6 * traced ? traced : norm;
}

/** State after a step, and the norm of its gradient. */
type Trained = Setup["weights"] & { readonly optimizer: OptimizerState<SparkParams>; readonly norm: Tensor };

async function compareTraining(setup: Setup, first: First, optimizer: Optimizer): Promise<Measurement[]> {
  const { model, input, entries, expected, device, tolerance } = setup;
  const training = expected.training!;
  const step = jit((train: Omit<Trained, "norm">) => {
    const { loss, gradients, state } = lossAndGradients(model, train, input, { train: true });
    const { params, state: moments } = updatedBy(optimizer, gradients, train.optimizer, train.params);
    const norms = { norm: globalNorm(gradients), norms: normsOf(gradients, entries) };
    return { params, state, optimizer: moments, ...norms, loss };
  }, { device });
  const losses = [await first.loss.item()];
  const returned = await sent(setup, first.next as Trained, "after a step");
  let train: Trained = returned.weights;
  const norms = [await tracedNorm(setup, train.norm, first.gradientNorms)];
  for (let i = 1; i < training.globalGradientNorm.length; i++) {
    const next = step({ params: train.params, state: train.state, optimizer: train.optimizer });
    losses.push(await next.loss.item());
    norms.push(await tracedNorm(setup, next.norm, next.norms));
    train = next;
  }
  const last = jit((weights: Setup["weights"]) => {
    const out = forward(model, weights, input, { train: true });
    return { loss: patchLoss(input.images, out.pixels, input.pattern), state: out.state };
  }, { device })({ params: train.params, state: train.state });
  losses.push(await last.loss.item());
  const after = { params: train.params, state: last.state };
  const parameterNorms = await first.parameterNorms!.data();
  const normPairs = compareNorms(entries, parameterNorms, expected.parameterL2AfterOneStep ?? {});
  const list = (name: string, got: readonly number[], values: readonly number[]) =>
    measure(name, tolerance, values.map((value, i) => relative(`step ${i}`, got[i] ?? NaN, value)));
  return [
    ...returned.kept,
    list("losses", losses, training.losses),
    list("globalGradientNorm", norms, training.globalGradientNorm),
    measure("parameterL2AfterOneStep", tolerance, normPairs),
    ...await compareBuffers(setup, after),
    ...await compareEvaluation(setup, after),
  ];
}

async function compareBuffers({ entries, expected, tolerance }: Setup, after: Setup["weights"]): Promise<Measurement[]> {
  const buffers = expected.buffersAfterTraining;
  if (!buffers) return [];
  const parts = await Promise.all(Object.entries(buffers).map(async ([name, summary]) => {
    const entry = entries.find(({ key }) => key === name);
    const host = entry
      ? { shape: entry.shape, data: await tensorOf(after.state, entry).data() }
      : { shape: [], data: [] };
    return compareSummary(name, host, summary);
  }));
  return [
    measure("buffersAfterTraining norms", tolerance, parts.flatMap(({ norms }) => norms)),
    measure("buffersAfterTraining samples", tolerance, parts.flatMap(({ samples }) => samples)),
  ];
}

async function compareEvaluation({ model, input, expected, device, tolerance }: Setup, after: Setup["weights"]) {
  const evaluation = expected.evaluation;
  if (!evaluation) return [];
  const { loss, masked, composite } = jit((weights: Setup["weights"]) => evaluate(model, weights, input), { device })(after);
  const parts = await compareMaps("evaluation", [masked, composite], [evaluation.masked, evaluation.composite]);
  const lossPair = relative("loss", await loss.item(), evaluation.loss);
  return [
    measure("evaluation norms", tolerance, [lossPair, ...parts.norms]),
    measure("evaluation samples", tolerance, parts.samples),
  ];
}
