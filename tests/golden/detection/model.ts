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
import { decodeMask, FileTensor, packMasks, parseCounts, pasteMask, rpnTargets } from "../../../data/mod.ts";
import { detectorEntries, type DetectorEntry, detectorOf, type DetectorWeights, toDetectorFile } from "../../../spark/mod.ts";
import { tensorOf } from "../../../spark/weights/official_names.ts";
import { hashUniform } from "../format.ts";
import { compareSummary, type Pair, relative } from "../tolerance.ts";
import { fillTensor } from "./fill.ts";
import { type Bench, boxPairs, equalPairs, int32, type Json, line, type Line, toChannelsFirst } from "./format.ts";

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
  const masks = targets.flatMap(({ masks }: Json) => fill(masks.map(({ size, counts }: Json) => {
    const [h, w] = size;
    const own = decodeMask({ size, counts: parseCounts(counts) });
    return Uint8Array.from({ length: height * width }, (_, k) => {
      const [y, x] = [Math.floor(k / width), k % width];
      return y < h && x < w ? own[y * w + x]! : 0;
    });
  }), new Uint8Array(height * width)));
  const per = (part: string, empty: Json) => targets.flatMap((each: Json) => fill(each[part], empty)).flat();
  return {
    images: tensor(data, { shape: [images, height, width, 3], dtype }),
    sizes: tensor(spec.imageSizes, { dtype }),
    boxes: tensor(per("boxes", [0, 0, 1, 1]), { shape: [images, most, 4], dtype }),
    classes: int32(per("classes", 0), [images, most]),
    valid: int32(targets.flatMap(({ boxes }: Json) => fill(boxes.map(() => 1), 0)), [images, most]),
    masks: int32(packMasks(masks, [height, width]), [images, most, height, Math.ceil(width / 32)]),
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
  const file = { path: name, container: "pth", tensors, values: new Map(), extra: new Map() } as Json;
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

/** Boxes and regions on the way. */
async function insideLines(setup: Setup, { inside, maps }: Json): Promise<readonly Line[]> {
  const { bench, name, expected, spec, batch, filled } = setup;
  const { rpn, proposals, targets, box, masks } = inside;
  const images = batch.images.shape[0]!;
  const fpn = await Promise.all(expected.fpn.map((each: Json, i: number) => summaryPairs(`P${i + 2}`, maps[i], each)));
  const order = await orderOf(targets);
  const rowsOf = async (x: Tensor, axes = 1) => {
    const [data, each] = [await numbers(x), x.shape.slice(axes).reduce((a, b) => a * b, 1)];
    return order.map((row) => data.slice(row * each, (row + 1) * each));
  };
  const part = (label: string, rows: readonly number[][], each: Json) => {
    const { norms, samples } = compareSummary(label, { shape: [rows.length, ...each.shape.slice(1)], data: rows.flat() }, each);
    return [...norms, ...samples];
  };
  const isFirst = spec.variant === "torchvision";
  const features = await rowsOf(box.features);
  const logits = (await rowsOf(box.logits)).map((row) => isFirst ? [row.at(-1)!, ...row.slice(0, -1)] : row);
  // Four outputs of background that nothing reads: from the file's own numbers.
  const [weight, bias] = ["weight", "bias"].map((part) => filled.get(`roi_heads.box_predictor.bbox_pred.${part}`)!);
  const unused = (row: readonly number[]) =>
    [0, 1, 2, 3].map((o) => row.reduce((sum, x, i) => sum + x * weight![o * row.length + i]!, bias![o]!));
  const deltas = (await rowsOf(box.deltas)).map((row, i) => isFirst ? [...unused(features[i]!), ...row] : row);
  const [valid, boxes, scores] = [await numbers(proposals.valid), await numbers(proposals.boxes), await numbers(proposals.logits)];
  const count = proposals.valid.shape[1];
  const flags = Array.from({ length: images }, (_, b) => valid.slice(b * count, (b + 1) * count).filter(Boolean).length);
  const shown = expected.proposals.flatMap((list: number[][], b: number) => list.map((_: Json, i: number) => b * count + i));
  const shownScores = expected.proposalLogits.flatMap((list: number[], b: number) => list.map((_: Json, i: number) => b * count + i));
  const regions = (await rowsOf(targets.boxes, 2)).flat();
  const levels = await levelsOf(tensor(regions, { shape: [order.length, 4], dtype: bench.dtype }), {
    levels: 4,
    canonicalScale: spec.canonicalScale,
    rule: spec.variant,
  }).data({ device: bench.device });
  const positive = (await numbers(targets.positive)).filter(Boolean).length;
  const wanted = await numbers(masks);
  const cells = masks.shape[1] * masks.shape[2];
  const most = masks.shape[0] / images;
  const all = await numbers(targets.positive);
  const rows = Array.from({ length: masks.shape[0] }, (_, r) => r).filter((r) => all[Math.floor(r / most) * targets.valid.shape[1] + r % most]);
  const mean = rows.reduce((sum, r) => sum + wanted.slice(r * cells, (r + 1) * cells).reduce((a, b) => a + b, 0), 0) / (rows.length * cells);
  const labels = await numbers(batch.rpnLabel);
  const index = await numbers(batch.rpnIndex);
  const each = index.length / images;
  const perImage = (test: (i: number) => boolean) => Array.from({ length: images }, (_, b) => Array.from({ length: each }, (_, i) => b * each + i).filter(test).length);
  return [
    line(bench, name, "maps.fpn", fpn.flat()),
    line(bench, name, "maps.rpnLogits", await summaryPairs("logits", rpn.logits, expected.rpnLogits)),
    line(bench, name, "maps.rpnDeltas", await summaryPairs("deltas", rpn.deltas, expected.rpnDeltas)),
    line(bench, name, "rpn anchors", [
      ...equalPairs("positives", perImage((i) => index[i]! >= 0 && labels[i] === 1), expected.rpnPositives),
      ...equalPairs("negatives", perImage((i) => index[i]! >= 0 && labels[i] === 0), expected.rpnNegatives),
    ]),
    line(bench, name, "proposal counts", equalPairs("counts", flags, expected.proposalCounts)),
    line(bench, name, "boxes.proposals", boxPairs(bench, "proposals", shown.flatMap((r: number) => boxes.slice(4 * r, 4 * r + 4)), expected.proposals.flat())),
    line(bench, name, "maps.proposalLogits", equalPairs("logits", shownScores.map((r: number) => scores[r]!), expected.proposalLogits.flat()).map((pair, i) => i === 0 ? pair : { ...pair, scale: Math.max(1, Math.abs(pair.expected)) })),
    line(bench, name, "rois", [
      ...equalPairs("rois", [order.length], [expected.rois]),
      ...equalPairs("positives", [positive], [expected.roiPositives]),
      ...equalPairs("levels", [0, 1, 2, 3].map((l) => Array.from(levels as ArrayLike<number>).filter((x) => x === l).length), expected.roiLevels),
    ]),
    line(bench, name, "maps.boxFeatures", part("features", features, expected.boxFeatures)),
    line(bench, name, "maps.classLogits", part("logits", logits, expected.classLogits)),
    line(bench, name, "maps.boxDeltas", part("deltas", deltas, expected.boxDeltas)),
    line(bench, name, "maps.maskTargetMean", [relative("mean", mean, expected.maskTargetMean)]),
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
    const got = params.has(key) ? Math.hypot(...await foreign(key)) : NaN;
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
    const got = entry ? Math.hypot(...await numbers(tensorOf(state as Tree, entry))) : NaN;
    return relative(key, got, value as number);
  }));
  return line(bench, name, "maps.buffersL2", pairs);
}

/** What is found in one image. */
async function detectionLines(setup: Setup, found: Json, b: number): Promise<readonly Line[]> {
  const { bench, spec, model } = setup;
  const expected = setup.expected.evaluation.detections[b];
  const name = `${setup.name} image ${b}`;
  const most = found.valid.shape[1];
  const part = async (x: Tensor, each: number) => (await numbers(x)).slice(b * most * each, (b + 1) * most * each);
  const count = (await part(found.valid, 1)).filter(Boolean).length;
  const boxes = (await part(found.boxes, 4)).slice(0, 4 * count);
  const scores = (await part(found.scores, 1)).slice(0, count);
  const candidates = await numbers(found.inside.candidates);
  const each = candidates.length / found.valid.shape[0];
  const side = found.masks.shape[2];
  const cells = side * side;
  const masks = (await part(found.masks, cells)).slice(0, cells * count);
  const summary = compareSummary("masks", { shape: [count, side, side], data: masks }, expected.masks);
  const first = expected.firstMask.flatMap((row: number[], i: number) => row.map((_, j) => masks[3 * i * side + 3 * j]!));
  const size = spec.imageSizes[b];
  const slack = bench.precision === "float32" ? 2e-4 : 0;
  const pasted = Array.from({ length: count }, (_, d) =>
    pasteMask(masks.slice(d * cells, (d + 1) * cells), boxes.slice(4 * d, 4 * d + 4) as never, { size, rule: model.settings.paste }));
  // A pixel may differ only where rounding decides.
  const wrong = expected.pasted.map(({ counts }: Json, d: number) => {
    const mask = decodeMask({ size, counts: parseCounts(counts) });
    return pasted[d]!.filter((p, i) => Number(p >= 0.5) !== mask[i] && !(Math.abs(p - 0.5) < slack)).length;
  });
  const areas = expected.pastedAreas.map((area: number, d: number) => {
    const doubtful = pasted[d]!.filter((p) => Math.abs(p - 0.5) < slack).length;
    const got = pasted[d]!.filter((p) => p >= 0.5).length;
    return Math.abs(got - area) <= doubtful ? area : got;
  });
  return [
    line(bench, name, "detections", [
      ...equalPairs("classes", (await part(found.classes, 1)).slice(0, count), expected.classes),
      ...equalPairs("candidates", [candidates.slice(b * each, (b + 1) * each).filter(Boolean).length], [expected.candidates]),
    ]),
    line(bench, name, "boxes.detections", boxPairs(bench, "boxes", boxes, expected.boxes)),
    line(bench, name, "scores", equalPairs("scores", scores, expected.scores)),
    line(bench, name, "maps.masks", [...summary.norms, ...summary.samples]),
    line(bench, name, "scores.firstMask", equalPairs("mask", first, expected.firstMask.flat())),
    line(bench, name, "pasted masks", [
      ...equalPairs("wrong pixels", wrong, wrong.map(() => 0)),
      ...equalPairs("areas", areas, expected.pastedAreas),
    ]),
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
  const count = valid.shape[1];
  const flags = await numbers(valid);
  const corners = await numbers(boxes);
  const counts = evaluation.proposalCounts.map((_: Json, b: number) => flags.slice(b * count, (b + 1) * count).filter(Boolean).length);
  const shown = evaluation.proposals.flatMap((list: number[][], b: number) => list.flatMap((_, i) => corners.slice(4 * (b * count + i), 4 * (b * count + i + 1))));
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
