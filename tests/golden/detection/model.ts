/** @file Whole detectors: losses, gradients, everything on the way, what they find. */
import { jit, mul, random, sub, type Tensor, tensor, treeMap, type Tree, valueAndGrad, zeros } from "../../../tensor/mod.ts";
import {
  type DetectionBatch,
  detectionLosses,
  type Detector,
  detector,
  detect,
  type DetectorVariant,
  levelsOf,
  resnet,
  totalOf,
} from "../../../nn/mod.ts";
import { decodeMask, FileTensor, packMasks, parseCounts, pasteMask, rpnTargets, type StateDictFile } from "../../../data/mod.ts";
import { detectorEntries, type DetectorEntry, detectorOf, type DetectorWeights, toDetectorFile } from "../../../spark/mod.ts";
import { tensorOf } from "../../../spark/weights/official_names.ts";
import { hashUniform } from "../format.ts";
import { compareSummary, type Pair, relative } from "../tolerance.ts";
import { fillTensor } from "./fill.ts";
import { type Bench, boxPairs, equalPairs, int32, type Json, l2Of, line, type Line, toChannelsFirst } from "./format.ts";

/** A case, made ready. */
interface Setup {
  readonly bench: Bench;
  readonly name: string;
  readonly spec: Json;
  readonly model: Detector;
  readonly weights: DetectorWeights;
  readonly entries: readonly DetectorEntry[];
  /** Numbers of the file's tensors by name. */
  readonly filled: ReadonlyMap<string, Float64Array>;
  readonly batch: DetectionBatch;
  readonly expected: Json;
}

function modelOf(spec: Json): Detector {
  return detector({
    backbone: resnet({ block: "basic", depths: spec.depths }),
    classes: spec.classes,
    variant: spec.variant as DetectorVariant,
    backboneNorm: spec.norm === "batch" ? "live" : "frozen",
    headNorm: spec.norm === "batch" ? "batch" : "none",
    fpnChannels: spec.fpnChannels,
    anchorSizes: spec.anchorSizes.map((size: number) => [size]),
    anchorRatios: spec.ratios,
    canonicalScale: spec.canonicalScale,
    preNms: spec.preNmsTopN,
    postNms: spec.postNmsTopN,
    rpnNms: spec.rpnNms,
    boxNms: spec.boxNms,
    scoreThreshold: spec.scoreThreshold,
    detections: spec.detections,
    rpnBatchSize: spec.rpnBatchSizePerImage,
    roiBatchSize: spec.roiBatchSizePerImage,
    roiPositiveFraction: 0.5,
    boxBeta: spec.beta,
    sampling: spec.samplingRatio,
    aligned: spec.aligned,
    boxConvs: spec.boxConvs,
    boxFcs: spec.boxFcs,
    maskConvs: spec.maskConvs,
  });
}

/** Images of the case, side by side on a canvas. */
function imagesOf({ imageSizes, fillOffset }: Json): { readonly data: Float64Array; readonly canvas: readonly [number, number] } {
  const up = (x: number) => Math.ceil(x / 32) * 32;
  const [height, width] = [0, 1].map((axis) => up(Math.max(...imageSizes.map((s: number[]) => s[axis])))) as [number, number];
  const data = new Float64Array(imageSizes.length * height * width * 3);
  imageSizes.forEach(([h, w]: [number, number], i: number) => {
    for (let k = 0; k < 3 * h * w; k++) {
      const [c, y, x] = [Math.floor(k / (h * w)), Math.floor(k / w) % h, k % w];
      data[((i * height + y) * width + x) * 3 + c] = Math.sin(0.0137 * k) + 0.5 * hashUniform(k, 999 + fillOffset + 7 * i);
    }
  });
  return { data, canvas: [height, width] };
}

function batchOf(spec: Json, targets: Json, model: Detector, { dtype }: Bench): DetectionBatch {
  const { data, canvas: [height, width] } = imagesOf(spec);
  const images = spec.imageSizes.length;
  const most = Math.max(1, ...targets.map(({ boxes }: Json) => boxes.length));
  const fill = <T>(list: readonly T[], empty: T): readonly T[] => [...list, ...Array(most - list.length).fill(empty)];
  const anchors = model.anchors([height, width]);
  const { rpnBatchSize } = model.settings;
  const rpn = targets.map(({ boxes }: Json) =>
    rpnTargets(anchors, boxes.flat(), () => 0, { match: model.settings.rpnMatch, batchSize: rpnBatchSize }));
  const join = (part: "index" | "label" | "target") => rpn.flatMap((each: Json) => Array.from(each[part] as ArrayLike<number>));
  const words = Math.ceil(width / 32);
  const masks: readonly Int32Array[] = targets.flatMap(({ masks }: Json) => fill(masks.map(({ size, counts }: Json) =>
    packMasks([decodeMask({ size, counts: parseCounts(counts) })], size, [height, width])), new Int32Array(height * words)));
  const per = (part: string, empty: Json) => targets.flatMap((each: Json) => fill(each[part], empty)).flat();
  return {
    images: tensor(data, { shape: [images, height, width, 3], dtype }),
    sizes: tensor(spec.imageSizes, { dtype }),
    boxes: tensor(per("boxes", [0, 0, 1, 1]), { shape: [images, most, 4], dtype }),
    classes: int32(per("classes", 0), [images, most]),
    valid: int32(targets.flatMap(({ boxes }: Json) => fill(boxes.map(() => 1), 0)), [images, most]),
    masks: int32(masks.flatMap((mask) => [...mask]), [images, most, height, words]),
    rpnIndex: int32(join("index"), [images, rpnBatchSize]),
    rpnLabel: int32(join("label"), [images, rpnBatchSize]),
    rpnTarget: tensor(join("target"), { shape: [images, Math.floor(rpnBatchSize / 2), 4], dtype }),
  };
}

function setUp(bench: Bench, { name, spec, targets, keys, expected }: Json): Setup {
  const model = modelOf(spec);
  const filled = new Map<string, Float64Array>(
    keys.map(([key, shape]: [string, number[]], j: number) => [key, fillTensor(key, shape, spec.fillOffset + j)]),
  );
  const tensors = Object.fromEntries(keys.map(([key, shape]: [string, number[]]) => [key, new FileTensor("F64", shape, filled.get(key)!)]));
  const names = { naming: "torchvision", background: spec.variant === "torchvision" ? "first" : "last" } as const;
  const none = { values: new Map(), extra: new Map(), passedOver: new Map() };
  const file: StateDictFile = { ...none, path: name, container: "pth", tensors, set: "", sets: [] };
  const { params, state } = detectorOf(file, model, { ...names, dtype: bench.dtype });
  const weights = { params, state };
  const entries = detectorEntries(model, weights, names);
  return { bench, name, spec, model, weights, entries, filled, batch: batchOf(spec, targets, model, bench), expected };
}

/** Losses by the names of the file. */
const LOSSES = {
  loss_objectness: "objectness",
  loss_rpn_box_reg: "rpnBox",
  loss_classifier: "class",
  loss_box_reg: "box",
  loss_mask: "mask",
} as const;

function lossesAndGradients({ model, batch }: Setup, { params, state }: DetectorWeights): Json {
  const f = (p: Json) => {
    const out = detectionLosses(model, { params: p, state }, batch, {
      key: random.key(0),
      uniform: (candidates) => zeros([batch.images.shape[0]!, candidates], { dtype: batch.images.dtype }),
    });
    const { maps, ...inside } = out.inside;
    return [totalOf(out.losses as never), { losses: out.losses, state: out.state, inside, maps: maps.map(toChannelsFirst) }] as const;
  };
  return valueAndGrad(f as never, { hasAux: true } as never)(params as never);
}

async function numbers(x: Tensor): Promise<number[]> {
  return Array.from(await x.data() as ArrayLike<number>, Number);
}

async function summaryPairs(name: string, x: Tensor, expected: Json): Promise<readonly Pair[]> {
  const { norms, samples } = compareSummary(name, { shape: x.shape, data: await numbers(x) }, expected);
  return [...norms, ...samples];
}

async function lossPairs(losses: Json, expected: Json): Promise<readonly Pair[]> {
  return await Promise.all(Object.entries(LOSSES).map(async ([name, own]) =>
    relative(name, await losses[own].item(), expected[name])
  ));
}

/** Rows of regions that count, in the order of the file: image by image, proposals before objects. */
async function orderOf(targets: Json): Promise<readonly number[]> {
  const [valid, index] = [await numbers(targets.valid), await numbers(targets.index)];
  const count = targets.valid.shape[1];
  const image = (row: number) => Math.floor(row / count);
  return [...valid.keys()].filter((row) => valid[row]).sort((a, b) => image(a) - image(b) || index[a]! - index[b]!);
}

/** How many of `[B, N]` are set in each image. */
async function countsOf(flags: Tensor): Promise<readonly number[]> {
  const [data, each] = [await numbers(flags), flags.shape[1]!];
  return Array.from({ length: flags.shape[0]! }, (_, b) => data.slice(b * each, (b + 1) * each).filter(Boolean).length);
}

/** Numbers of the rows `[B, N, ...]` that the file shows: the first of each image. */
async function firstRows(x: Tensor, shown: readonly (readonly unknown[])[]): Promise<readonly number[]> {
  const [data, count] = [await numbers(x), x.shape[1]!];
  const each = x.shape.slice(2).reduce((a, b) => a * b, 1);
  return shown.flatMap((list, b) => data.slice(b * count * each, (b * count + list.length) * each));
}

async function proposalLines({ bench, name, expected, batch }: Setup, { rpn, proposals }: Json): Promise<readonly Line[]> {
  const [index, label] = [await numbers(batch.rpnIndex), await numbers(batch.rpnLabel)];
  const { shape } = batch.rpnIndex;
  const perImage = (wanted: number) => countsOf(int32(index.map((i, k) => Number(i >= 0 && label[k] === wanted)), shape));
  const logits = equalPairs("logits", await firstRows(proposals.logits, expected.proposalLogits), expected.proposalLogits.flat());
  return [
    line(bench, name, "maps.rpnLogits", await summaryPairs("logits", rpn.logits, expected.rpnLogits)),
    line(bench, name, "maps.rpnDeltas", await summaryPairs("deltas", rpn.deltas, expected.rpnDeltas)),
    line(bench, name, "rpn anchors", [
      ...equalPairs("positives", await perImage(1), expected.rpnPositives),
      ...equalPairs("negatives", await perImage(0), expected.rpnNegatives),
    ]),
    line(bench, name, "proposal counts", equalPairs("counts", await countsOf(proposals.valid), expected.proposalCounts)),
    line(bench, name, "boxes.proposals", boxPairs(bench, "proposals", await firstRows(proposals.boxes, expected.proposals), expected.proposals.flat())),
    line(bench, name, "maps.proposalLogits", logits.map((pair, i) => i === 0 ? pair : { ...pair, scale: Math.max(1, Math.abs(pair.expected)) })),
  ];
}

/** Mean of the targets of masks over the regions of objects. */
async function maskMean({ targets, masks }: Json): Promise<number> {
  const [data, positive] = [await numbers(masks), await numbers(targets.positive)];
  const [images, count] = targets.positive.shape as [number, number];
  const [most, cells] = [masks.shape[0] / images, masks.shape[1] * masks.shape[2]];
  const rows = Array.from({ length: masks.shape[0] }, (_, r) => r)
    .filter((r) => positive[Math.floor(r / most) * count + r % most]);
  return rows.reduce((sum, r) => data.slice(r * cells, (r + 1) * cells).reduce((a, b) => a + b, sum), 0) / (rows.length * cells);
}

/** Numbers of rows of regions by row, in the order of the file. */
type Rows = (x: Tensor, axes?: number) => Promise<readonly (readonly number[])[]>;

/** Outputs of the box head as the file has them: four numbers of background that nothing reads come from the file's own weights. */
async function boxOutputs({ spec, filled }: Setup, box: Json, rowsOf: Rows) {
  const features = await rowsOf(box.features);
  const [logits, deltas] = [await rowsOf(box.logits), await rowsOf(box.deltas)];
  if (spec.variant !== "torchvision") return { features, logits, deltas };
  const [weight, bias] = ["weight", "bias"].map((part) => filled.get(`roi_heads.box_predictor.bbox_pred.${part}`)!);
  const unused = (row: readonly number[]) =>
    [0, 1, 2, 3].map((o) => row.reduce((sum, x, i) => sum + x * weight![o * row.length + i]!, bias![o]!));
  return {
    features,
    logits: logits.map((row) => [row.at(-1)!, ...row.slice(0, -1)]),
    deltas: deltas.map((row, i) => [...unused(features[i]!), ...row]),
  };
}

/** Boxes and regions on the way. */
async function insideLines(setup: Setup, { inside, maps }: Json): Promise<readonly Line[]> {
  const { bench, name, expected, spec } = setup;
  const { targets, box } = inside;
  const fpn = await Promise.all(expected.fpn.map((each: Json, i: number) => summaryPairs(`P${i + 2}`, maps[i], each)));
  const order = await orderOf(targets);
  const rowsOf: Rows = async (x, axes = 1) => {
    const [data, each] = [await numbers(x), x.shape.slice(axes).reduce((a, b) => a * b, 1)];
    return order.map((row) => data.slice(row * each, (row + 1) * each));
  };
  const part = (label: string, rows: readonly (readonly number[])[], each: Json) => {
    const { norms, samples } = compareSummary(label, { shape: [rows.length, ...each.shape.slice(1)], data: rows.flat() }, each);
    return [...norms, ...samples];
  };
  const { features, logits, deltas } = await boxOutputs(setup, box, rowsOf);
  const regions = tensor((await rowsOf(targets.boxes, 2)).flat(), { shape: [order.length, 4], dtype: bench.dtype });
  const rule = { levels: 4, canonicalScale: spec.canonicalScale, rule: spec.variant };
  const levels = Array.from(await levelsOf(regions, rule).data({ device: bench.device }) as ArrayLike<number>);
  return [
    line(bench, name, "maps.fpn", fpn.flat()),
    ...await proposalLines(setup, inside),
    line(bench, name, "rois", [
      ...equalPairs("rois", [order.length], [expected.rois]),
      ...equalPairs("positives", [(await countsOf(targets.positive)).reduce((a, b) => a + b)], [expected.roiPositives]),
      ...equalPairs("levels", [0, 1, 2, 3].map((l) => levels.filter((x) => x === l).length), expected.roiLevels),
    ]),
    line(bench, name, "maps.boxFeatures", part("features", features, expected.boxFeatures)),
    line(bench, name, "maps.classLogits", part("logits", logits, expected.classLogits)),
    line(bench, name, "maps.boxDeltas", part("deltas", deltas, expected.boxDeltas)),
    line(bench, name, "maps.maskTargetMean", [relative("mean", await maskMean(inside), expected.maskTargetMean)]),
  ];
}

async function gradientLines({ bench, name, entries, expected }: Setup, gradient: Json): Promise<readonly Line[]> {
  const params = new Map(entries.filter(({ kind }) => kind === "param").map((entry) => [entry.key, entry]));
  const foreign = async (key: string) => {
    const entry = params.get(key)!;
    return toDetectorFile(entry, await numbers(tensorOf(gradient as Tree, entry)));
  };
  const floor = 1e-4 * Math.max(...Object.values(expected.gradientL2) as number[]);
  const norms = await Promise.all(Object.entries(expected.gradientL2).map(async ([key, value]) => {
    const got = params.has(key) ? l2Of(await foreign(key)) : NaN;
    return { name: key, got, expected: value as number, scale: Math.max(value as number, floor) };
  }));
  const samples = await Promise.all(Object.entries(expected.gradientSamples).map(async ([key, list]) => {
    const [at, values] = list as [number[], number[]];
    const got = await foreign(key);
    const mean = got.reduce((sum, x) => sum + Math.abs(x), 0) / got.length;
    return at.map((i, j) => ({ name: `${key}[${i}]`, got: got[i]!, expected: values[j]!, scale: Math.max(mean, Math.abs(values[j]!)) || 1 }));
  }));
  return [line(bench, name, "gradientL2", norms), line(bench, name, "gradientSamples", samples.flat())];
}

async function bufferLine({ bench, name, entries, expected }: Setup, state: Json): Promise<Line> {
  const byKey = new Map(entries.map((entry) => [entry.key, entry]));
  const pairs = await Promise.all(Object.entries(expected.buffersL2).map(async ([key, value]) => {
    const entry = byKey.get(key);
    const got = entry ? l2Of(await numbers(tensorOf(state as Tree, entry))) : NaN;
    return relative(key, got, value as number);
  }));
  return line(bench, name, "maps.buffersL2", pairs);
}

/** Masks in the image, as they should be; a pixel may differ where rounding decides, in float32. */
function pastedLine(setup: Setup, name: string, masks: readonly number[][], boxes: readonly number[][], b: number): Line {
  const { bench, spec, model } = setup;
  const expected = setup.expected.evaluation.detections[b];
  const size = spec.imageSizes[b];
  const slack = bench.precision === "float32" ? 2e-4 : 0;
  const isDoubtful = (p: number) => Math.abs(p - 0.5) < slack;
  const pasted = masks.map((mask, d) => pasteMask(mask, boxes[d] as never, { size, rule: model.settings.paste }));
  const wrong = expected.pasted.map(({ counts }: Json, d: number) => {
    const mask = decodeMask({ size, counts: parseCounts(counts) });
    return pasted[d]!.filter((p, i) => Number(p >= 0.5) !== mask[i] && !isDoubtful(p)).length;
  });
  const areas = expected.pastedAreas.map((area: number, d: number) => {
    const got = pasted[d]!.filter((p) => p >= 0.5).length;
    return Math.abs(got - area) <= pasted[d]!.filter(isDoubtful).length ? area : got;
  });
  return line(bench, name, "pasted masks", [
    ...equalPairs("wrong pixels", wrong, wrong.map(() => 0)),
    ...equalPairs("areas", areas, expected.pastedAreas),
  ]);
}

/** What is found in one image. */
async function detectionLines(setup: Setup, found: Json, b: number): Promise<readonly Line[]> {
  const { bench } = setup;
  const expected = setup.expected.evaluation.detections[b];
  const name = `${setup.name} image ${b}`;
  const most = found.valid.shape[1];
  const count = (await countsOf(found.valid))[b]!;
  const rows = async (x: Tensor) => {
    const [data, each] = [await numbers(x), x.shape.slice(2).reduce((p, n) => p * n, 1)];
    return Array.from({ length: count }, (_, d) => data.slice((b * most + d) * each, (b * most + d + 1) * each));
  };
  const [boxes, masks] = [await rows(found.boxes), await rows(found.masks)];
  const candidates = await numbers(found.inside.candidates);
  const each = candidates.length / found.valid.shape[0];
  const side = found.masks.shape[2];
  const summary = compareSummary("masks", { shape: [count, side, side], data: masks.flat() }, expected.masks);
  const first = (expected.firstMask ?? []).flatMap((row: number[], i: number) => row.map((_, j) => masks[0]![3 * i * side + 3 * j]!));
  return [
    line(bench, name, "detections", [
      ...equalPairs("classes", (await rows(found.classes)).flat(), expected.classes),
      ...equalPairs("candidates", [candidates.slice(b * each, (b + 1) * each).filter(Boolean).length], [expected.candidates]),
    ]),
    line(bench, name, "boxes.detections", boxPairs(bench, "boxes", boxes.flat(), expected.boxes)),
    line(bench, name, "scores", equalPairs("scores", (await rows(found.scores)).flat(), expected.scores)),
    line(bench, name, "maps.masks", [...summary.norms, ...summary.samples]),
    line(bench, name, "scores.firstMask", equalPairs("mask", first, (expected.firstMask ?? []).flat())),
    pastedLine(setup, name, masks, boxes, b),
  ];
}

async function evaluationLines(setup: Setup, state: Json): Promise<readonly Line[]> {
  const { bench, name, model, weights, batch, expected: { evaluation } } = setup;
  const found = jit((all: Json) => {
    const out = detect(model, all, batch);
    return { ...out, inside: { ...out.inside, maps: out.inside.maps.map(toChannelsFirst) } } as never;
  }, { device: bench.device })({ params: weights.params, state } as never) as Json;
  const fpn = await Promise.all(evaluation.fpn.map((each: Json, i: number) => summaryPairs(`P${i + 2}`, found.inside.maps[i], each)));
  const { valid, boxes } = found.inside.proposals;
  const [counts, shown] = [await countsOf(valid), await firstRows(boxes, evaluation.proposals)];
  const images = await Promise.all(evaluation.detections.map((_: Json, b: number) => detectionLines(setup, found, b)));
  return [
    line(bench, name, "maps.evaluation fpn", fpn.flat()),
    line(bench, name, "evaluation proposals", equalPairs("counts", counts, evaluation.proposalCounts)),
    line(bench, name, "boxes.evaluation proposals", boxPairs(bench, "proposals", shown, evaluation.proposals.flat())),
    ...images.flat(),
  ];
}

/** Runs a whole detector of a golden file. */
export async function checkModel(bench: Bench, given: Json): Promise<readonly Line[]> {
  const setup = setUp(bench, given);
  const { name, weights, expected } = setup;
  const step = jit((all: Json) => lossesAndGradients(setup, all) as never, { device: bench.device });
  const [[total, out], gradient] = step(weights as never) as Json;
  const moved = jit((p: Json, g: Json) => treeMap((x: Tensor, d: Tensor) => sub(x, mul(d, 1e-3)), p as never, g as never) as never, {
    device: bench.device,
  })(weights.params as never, gradient as never) as Json;
  const [[, after]] = step({ params: moved, state: out.state } as never) as Json;
  return [
    line(bench, name, "loss", [
      ...await lossPairs(out.losses, expected.losses),
      relative("total", await total.item(), expected.total),
    ]),
    ...await insideLines(setup, out),
    ...await gradientLines(setup, gradient),
    await bufferLine(setup, out.state),
    ...await evaluationLines(setup, out.state),
    line(bench, name, "loss.after a step", await lossPairs(after.losses, expected.lossesAfterStep)),
  ];
}
