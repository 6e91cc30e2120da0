/** @file How the pattern of a mask fares in convolutions: dense ones blur it away, sparse ones keep it. */
import {
  abs,
  add,
  cast,
  type Device,
  full,
  greater,
  max,
  mul,
  notEqual,
  random,
  sub,
  type Tensor,
  treeMap,
  zeros,
} from "../../../tensor/mod.ts";
import { conv2d, type Features, isSparse, mapFeatures, resnet18, valuesOf } from "../../../nn/mod.ts";
import { gather, toDense } from "../../../sparse/mod.ts";
import { maskFromRows } from "../../mask.ts";
import type { MaskRows } from "../shared/mask_file.ts";
import { randomMasks } from "../shared/reconstruct_images.ts";

/** Where a map is not zero, at several depths. */
export interface Series {
  /** What was convolved. */
  readonly title: string;
  /** What stands above each depth. */
  readonly labels: readonly string[];
  /** By dense convolution, at each depth. */
  readonly dense: readonly MaskRows[];
  /** By sparse convolution, at each depth. */
  readonly sparse: readonly MaskRows[];
}

/** Side of the masks, in pixels, as in the demonstration of SparK's authors. */
const SIDE = 28;

/** Convolutions after which the masks are shown. */
const DEPTHS = [0, 1, 2, 4, 8];

/** Parameters of a 3×3 convolution whose weights are all 1/9. */
const MEAN = { weight: full([3, 3, 1, 1], 1 / 9) };

/**
 * Lets three masks go through 3×3 convolutions with weights of 1/9, one after the other.
 *
 * @param device Where to compute.
 * @returns A series for each mask: random patches, random pixels, a ring.
 */
export async function vanishingMasks(device: Device): Promise<readonly Series[]> {
  const [patches] = await randomMasks(0, { count: 1, grid: [7, 7], maskRatio: 0.6 });
  const [pixels] = await randomMasks(1, { count: 1, grid: [SIDE, SIDE], maskRatio: 0.96 });
  const ring = pixelsOf((y, x) => Math.abs(Math.hypot(y - 13.5, x - 13.5) - 9) < 1.1);
  const masks: readonly (readonly [string, MaskRows])[] = [
    ["Random patches, 60 % masked", pixelsOf((y, x) => patches![Math.floor(y / 4)]![Math.floor(x / 4)] === 1)],
    ["Random pixels, 96 % masked", pixels!],
    ["A ring", ring],
  ];
  return await Promise.all(masks.map(async ([title, mask]) => {
    const pattern = maskFromRows([mask]);
    const picture = toDense(gather(full([1, SIDE, SIDE, 1], 1), pattern));
    return {
      title,
      labels: DEPTHS.map((depth) => depth === 0 ? "mask" : depth === 1 ? "1 convolution" : `${depth} convolutions`),
      dense: await depths(picture, device),
      sparse: await depths(gather(picture, pattern), device),
    };
  }));
}

const pixelsOf = (isActive: (y: number, x: number) => boolean): MaskRows =>
  Array.from({ length: SIDE }, (_, y) => Array.from({ length: SIDE }, (_, x) => Number(isActive(y, x))));

/** Where a map is positive after each number of convolutions. */
async function depths(start: Features, device: Device): Promise<readonly MaskRows[]> {
  const maps = [start];
  // Positive numbers become 1 again each time, as in the authors' demonstration; tiny ones would be lost otherwise.
  const binarised = (x: Tensor) => cast(greater(x, 0), "float32");
  while (maps.length <= DEPTHS.at(-1)!) {
    maps.push(mapFeatures(conv2d(MEAN, maps.at(-1)!, { padding: 1 }), binarised));
  }
  return await Promise.all(DEPTHS.map((depth) => activity(maps[depth]!, device)));
}

/** Where any channel of the one image is not zero. */
async function activity(x: Features, device: Device): Promise<MaskRows> {
  const dense = isSparse(x) ? toDense(x) : valuesOf(x);
  const [, rows, columns] = dense.shape as [number, number, number, number];
  const values = await cast(max(cast(notEqual(dense, 0), "float32"), { axis: 3 }), "int32").data({ device });
  return Array.from({ length: rows }, (_, y) => [...values.subarray(y * columns, (y + 1) * columns)]);
}

/**
 * Asks which positions of the four maps of a ResNet-18 know anything of the visible patches of an image of 224 pixels:
 * those that change if the image is taken away. Dense: hidden pixels are zero. Sparse: they are not there.
 *
 * @param device Where to compute.
 * @returns The mask on its grid of 7×7, then the maps, fine to coarse.
 */
export async function vanishingMaps(device: Device): Promise<Series> {
  const [mask] = await randomMasks(0, { count: 1, grid: [7, 7], maskRatio: 0.6 });
  const pattern = maskFromRows([mask!]);
  const image = gather(random.uniform(random.key(1), [1, 224, 224, 3]), pattern);
  const nothing = gather(zeros([1, 224, 224, 3]), pattern);
  const maps = await knowing(toDense(image), toDense(nothing), device);
  return {
    title: "ResNet-18, 224 pixels, 60 % of patches masked",
    labels: ["mask", "stage 1", "stage 2", "stage 3", "stage 4"],
    dense: [mask!, ...maps],
    sparse: [mask!, ...await knowing(image, nothing, device)],
  };
}

async function knowing<T extends Features>(image: T, nothing: T, device: Device): Promise<readonly MaskRows[]> {
  const model = resnet18();
  const { params, state } = model.init(random.key(0));
  // At first the last scale of each block is 0, so that nothing passes through it: a trained network is not like that.
  const awake = treeMap((x: Tensor) => x.shape.length === 1 && x.dtype === "float32" ? add(x, 0.1) : x, params);
  const [one, other] = [image, nothing].map((x) => model.features(awake, state, x).features) as [
    readonly T[],
    readonly T[],
  ];
  return await Promise.all(one.map((map, i) => {
    const without = valuesOf(other[i]!);
    const changed = mapFeatures(map, (x) => {
      const change = abs(sub(x, without));
      // Winograd's convolutions round within tiles, which carries last bits farther than the convolution reaches.
      return cast(greater(change, mul(max(change), 1e-5)), "float32");
    });
    return activity(changed, device);
  }));
}

/**
 * Share of positions that are not zero.
 *
 * @param map Rows of positions.
 * @returns From 0 to 1.
 */
export function shareOf(map: MaskRows): number {
  const cells = map.flat();
  return cells.filter((cell) => cell !== 0).length / cells.length;
}
