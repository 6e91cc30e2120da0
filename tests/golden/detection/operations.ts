/** @file Operations that run on a device: regions of maps, suppression, pyramid, targets of masks, losses. */
import { add, jit, mul, sum, type Tensor, tensor, transpose, type Tree, valueAndGrad, vjp } from "../../../tensor/mod.ts";
import {
  fpn,
  initFpn,
  levelsOf,
  maskAlign,
  nonMaximumSuppression,
  roiAlign,
  smoothL1Loss,
} from "../../../nn/mod.ts";
import { decodeMask, encodeMask, packMasks, parseCounts } from "../../../data/mod.ts";
import { random } from "../../../tensor/mod.ts";
import { compareSummary, type Pair, relative } from "../tolerance.ts";
import { fillTensor } from "./fill.ts";
import { type Bench, equalPairs, filled, int32, type Json, l2Of, line, type Line, mapOf, scaledPairs, toChannelsFirst } from "./format.ts";

async function summaryPairs(name: string, x: Tensor, expected: Json, bench: Bench): Promise<readonly Pair[]> {
  const parts = compareSummary(name, { shape: x.shape, data: await x.data({ device: bench.device }) }, expected);
  return [...parts.norms, ...parts.samples];
}

export async function checkRoiAlign(bench: Bench, cases: Json): Promise<readonly Line[]> {
  const lines: Line[] = [];
  for (const [i, each] of cases.entries()) {
    const { input, rois, spatialScale, outputSize, samplingRatio, aligned, cotangentFill, output, inputGradient } = each;
    const map = mapOf(bench, input.shape, filled(input.shape, input.fill));
    const boxes = tensor(rois.map((roi: number[]) => roi.slice(1)), { dtype: bench.dtype });
    const image = int32(rois.map(([index]: number[]) => index));
    const run = jit((x: Tensor, cotangent: Tensor) => {
      const options = { size: outputSize, sampling: samplingRatio, aligned, scales: [spatialScale] };
      const [y, pull] = vjp((m: Tensor) => roiAlign([m], boxes, { image, level: mul(image, 0) }, options), x);
      return { y: toChannelsFirst(y as Tensor), gradient: toChannelsFirst(pull(cotangent as never)[0] as Tensor) };
    }, { device: bench.device });
    const shape = [rois.length, input.shape[1], ...outputSize];
    const result = run(map, mapOf(bench, shape, filled(shape, cotangentFill)));
    const name = `roiAlign ${i}`;
    // Small tensors stand in full.
    const given = async (label: string, x: Tensor, numbers: Json) =>
      Array.isArray(numbers)
        ? scaledPairs(label, await x.data(), numbers.flat(3))
        : await summaryPairs(label, x, numbers, bench);
    lines.push(line(bench, name, "maps.output", await given("output", result.y, output)));
    lines.push(line(bench, name, "maps.gradient", await given("gradient", result.gradient, inputGradient)));
  }
  return lines;
}

export async function checkMultiscale(bench: Bench, each: Json): Promise<readonly Line[]> {
  const maps: Tensor[] = each.maps.map(({ shape, fill }: Json) => mapOf(bench, shape, filled(shape, fill)));
  const boxes = tensor(each.boxes.flat(), { dtype: bench.dtype });
  const image = int32(each.boxes.flatMap((list: Json, i: number) => list.map(() => i)));
  const size = Math.max(...each.maps.map(({ shape }: Json) => shape[2]));
  const lines: Line[] = [];
  for (const rule of ["torchvision", "detectron2"] as const) {
    const { samplingRatio: sampling, aligned, levels, output, mapGradients } = each[rule];
    const level = levelsOf(boxes, { levels: maps.length, canonicalScale: each.canonicalScale, rule });
    // Strides 4, 8, …: the finest map has a cell every four pixels.
    const scales = each.maps.map(({ shape }: Json) => shape[2] / size / 4);
    const run = jit((cotangent: Tensor, given: readonly Tensor[]) => {
      const [y, pull] = vjp(
        (...m: Tensor[]) => roiAlign(m, boxes, { image, level }, { size: each.outputSize, sampling, aligned, scales }),
        ...given,
      );
      return [toChannelsFirst(y as Tensor), ...(pull(cotangent as never) as Tensor[]).map(toChannelsFirst)];
    }, { device: bench.device });
    const [y, ...gradients] = run(mapOf(bench, output.shape, filled(output.shape, each.cotangentFill)), maps) as readonly Tensor[];
    const name = `multiscaleRoiAlign ${rule}`;
    lines.push(line(bench, name, "levels", equalPairs("levels", await level.data({ device: bench.device }), levels)));
    lines.push(line(bench, name, "maps.output", await summaryPairs("output", y!, output, bench)));
    const pairs = await Promise.all((mapGradients ?? []).map((expected: Json, i: number) =>
      summaryPairs(`gradient ${i}`, gradients[i]!, expected, bench)
    ));
    lines.push(line(bench, name, "maps.gradients", pairs.flat()));
  }
  return lines;
}

export async function checkLevels(bench: Bench, each: Json): Promise<readonly Line[]> {
  const boxes = tensor(each.boxes, { dtype: bench.dtype });
  const lines = (["torchvision", "detectron2"] as const).map(async (rule) => {
    const got = await levelsOf(boxes, { levels: 4, rule }).data({ device: bench.device });
    return line(bench, `levels ${rule}`, "levels", equalPairs("levels", Array.from(got, (l) => Number(l) + 2), each[rule]));
  });
  return await Promise.all(lines);
}

export async function checkNms(bench: Bench, cases: Json): Promise<readonly Line[]> {
  const lines: Line[] = [];
  for (const [i, { boxes, scores, groups, threshold, kept, keptBatched }] of cases.entries()) {
    const run = async (kind?: Tensor) => {
      const options = { threshold, ...(kind ? { kind } : {}) };
      const given = [boxes, scores].map((x) => tensor(x, { dtype: bench.dtype })) as [Tensor, Tensor];
      const { indices, count } = nonMaximumSuppression(...given, options);
      return (await indices.data({ device: bench.device })).slice(0, await count.item({ device: bench.device }));
    };
    lines.push(line(bench, `nms ${i}`, "kept", equalPairs("kept", await run() as ArrayLike<number>, kept)));
    const grouped = await run(int32(groups)) as ArrayLike<number>;
    lines.push(line(bench, `nms ${i}`, "kept by group", equalPairs("kept", grouped, keptBatched)));
  }
  return lines;
}

export async function checkFpn(bench: Bench, cases: Json): Promise<readonly Line[]> {
  const lines: Line[] = [];
  for (const [i, each] of cases.entries()) lines.push(...await checkPyramid(bench, `fpn ${i}`, each));
  return lines;
}

/** Path of a pyramid's tensor here, of its name. */
function pathOf(key: string): readonly string[] {
  const [, part, level, place, name] = /^(inner|layer)_blocks\.(\d+)\.(\d)\.(\w+)$/.exec(key)!;
  const own = name === "num_batches_tracked" ? "count" : name!.replace(/_(\w)/, (_, letter) => letter.toUpperCase());
  return [part === "inner" ? "lateral" : "output", level!, place === "0" ? "conv" : "norm", own];
}

function withLeaf(tree: Json, [first, ...rest]: readonly string[], value: Tensor): Json {
  const copy = Array.isArray(tree) ? [...tree] : { ...tree };
  copy[first!] = rest.length === 0 ? value : withLeaf(copy[first!], rest, value);
  return copy;
}

function leafAt(tree: Json, path: readonly string[]): Tensor {
  return path.reduce((node, name) => node[name], tree);
}

/** A pyramid as the case says, filled. */
function filledPyramid({ dtype }: Bench, { channels: inChannels, outChannels, norm, fillOffset, keys }: Json): Json {
  const made = initFpn(random.key(0), { inChannels, outChannels, norm: norm ?? "none", dtype });
  let params: Json = made.params;
  keys.forEach(([key, shape]: [string, number[]], j: number) => {
    const path = pathOf(key);
    if (["runningMean", "runningVar", "count"].includes(path.at(-1)!)) return;
    const values = tensor(fillTensor(key, shape, fillOffset + j), { shape, dtype });
    params = withLeaf(params, path, shape.length === 4 ? transpose(values, [2, 3, 1, 0]) : values);
  });
  return { params, state: made.state };
}

async function checkPyramid(bench: Bench, name: string, each: Json): Promise<readonly Line[]> {
  const { batch, channels, inputSizes, norm } = each;
  const { params, state } = filledPyramid(bench, each);
  const inputs: Tensor[] = channels.map((c: number, i: number) => {
    const shape = [batch, c, ...inputSizes[i]];
    return mapOf(bench, shape, filled(shape, each.inputFills[i]));
  });
  const cotangents: Tensor[] = each.outputs.map(({ shape }: Json, i: number) =>
    mapOf(bench, shape, filled(shape, each.cotangentFills[i]))
  );
  const loss = (weights: Json, maps: readonly Tensor[]) => {
    const out = fpn(weights, state, maps, { train: norm === "batch" });
    const terms = out.maps.map((map, i) => sum(mul(map, cotangents[i]!)));
    return [terms.reduce((a, b) => add(a, b)), out.maps.map(toChannelsFirst)] as const;
  };
  const run = jit(
    (weights: Tree, maps: readonly Tensor[]) =>
      valueAndGrad(loss as never, { argnums: [0, 1], hasAux: true } as never)(weights as never, maps as never) as never,
    { device: bench.device },
  );
  const [[value, outputs], [gradient, inputGradients]] = run(params, inputs) as Json;
  const pairs = async (xs: readonly Tensor[], all: Json) =>
    (await Promise.all(xs.map((x, i) => summaryPairs(`map ${i}`, x, all[i], bench)))).flat();
  const norms = await Promise.all(Object.entries(each.gradientL2).map(async ([key, expected]) => {
    const data = await leafAt(gradient, pathOf(key)).data({ device: bench.device });
    return relative(key, l2Of(data as ArrayLike<number>), expected as number);
  }));
  return [
    line(bench, name, "maps.outputs", await pairs(outputs, each.outputs)),
    line(bench, name, "loss", [relative("loss", await value.item(), each.loss)]),
    line(bench, name, "maps.inputGradients", await pairs(inputGradients.map(toChannelsFirst), each.inputGradients)),
    line(bench, name, "gradientL2", norms),
  ];
}

export async function checkMaskTargets(bench: Bench, cases: Json): Promise<readonly Line[]> {
  const lines: Line[] = [];
  for (const [i, each] of cases.entries()) {
    const [height, width] = each.image;
    const mask = decodeMask({ size: [height, width], counts: parseCounts(each.rle) });
    const bits = int32(packMasks([mask], [height, width]), [1, height, Math.ceil(width / 32)]);
    const box = tensor([each.box], { dtype: bench.dtype });
    const run = async (aligned: boolean) =>
      await maskAlign(bits, box, int32([0]), { size: [28, 28], width, aligned }).data({ device: bench.device });
    const soft = { shape: each.torchvision.shape, data: await run(false) as ArrayLike<number> };
    const parts = compareSummary("soft", soft, each.torchvision);
    const binary = Array.from(await run(true) as ArrayLike<number>, (x) => Number(x >= 0.5));
    const { counts } = encodeMask(binary, [28, 28]);
    lines.push(line(bench, `maskTargets ${i}`, "maps.soft", [...parts.norms, ...parts.samples]));
    lines.push(line(bench, `maskTargets ${i}`, "bitmap", equalPairs("runs", counts, parseCounts(each.detectron2Bitmask))));
  }
  return lines;
}

export async function checkLosses(bench: Bench, { input, smoothL1 }: Json): Promise<readonly Line[]> {
  const x = tensor(input, { dtype: bench.dtype });
  return await Promise.all(Object.entries(smoothL1 as Json).map(async ([beta, expected]) => {
    const [value, gradients] = expected as [number, number[][]];
    const f = (y: Tensor) => smoothL1Loss(y, mul(y, 0), { beta: Number(beta), reduction: "sum" });
    const [loss, gradient] = jit((y: Tensor) => valueAndGrad(f)(y), { device: bench.device })(x);
    return line(bench, `losses smoothL1 ${Number(beta).toFixed(3)}`, "loss", [
      relative("loss", await loss.item(), value),
      ...scaledPairs("gradient", await gradient.data(), gradients.flat()),
    ]);
  }));
}
