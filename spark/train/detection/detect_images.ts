/** @file A detector on images: each resized by a rule, filled up to a multiple of the stride, its objects told. */
import { type Device, jit, type Tensor, tensor } from "../../../tensor/mod.ts";
import { leaf } from "../../../tensor/kernel.ts";
import { detect, type Detector, type DetectorParams, type DetectorState } from "../../../nn/mod.ts";
import {
  type Detection,
  type Normalisation,
  normalise,
  type Pixels,
  resample,
  shortestEdgeSize,
} from "../../../data/mod.ts";
import { foundObjects, type FoundRows } from "./found_objects.ts";

/** How an image comes to a detector. */
export interface DetectorInput {
  /** What the shorter side becomes, in pixels. */
  readonly short: number;
  /** What the longer side may be at most. */
  readonly longest: number;
  /** Filled sizes: the smallest of these that holds an image; multiples of the stride, as small as can be, if not given. */
  readonly canvases?: readonly (readonly [height: number, width: number])[];
  /** Colours: mean and deviation of red, green and blue, from 0 to 1; and whether blue comes first. */
  readonly normalisation: Normalisation & { readonly blueFirst?: boolean };
}

/** An image that a detector is to look at. */
export interface ImageToDetect {
  /** Its id. */
  readonly id: number;
  /** Its pixels; alpha is left out. */
  readonly pixels: Pixels;
}

/** An image, and what was found in it. */
export interface DetectedImage extends ImageToDetect {
  /** The surest first, in pixels of the image. */
  readonly detections: readonly Detection[];
}

/** Parameters and state of a detector. */
export interface DetectorTrees {
  readonly params: DetectorParams;
  readonly state: DetectorState;
}

/** Runs a detector. */
export interface ImageDetector {
  /** Looks at images, several at once where their filled sizes agree; with other weights of the same shapes if given. */
  detect(images: readonly ImageToDetect[], own?: DetectorTrees): Promise<readonly DetectedImage[]>;
  /** Filled sizes that were met: each is a compiled program. */
  canvases(): readonly (readonly [height: number, width: number])[];
}

/** An image ready for the network. */
interface Prepared extends ImageToDetect {
  readonly resized: readonly [number, number];
  readonly canvas: readonly [number, number];
  readonly values: Float32Array;
}

function withBlueFirst(values: Float32Array): Float32Array {
  return values.map((_, i) => values[i - i % 3 + 2 - i % 3]!);
}

function prepare(image: ImageToDetect, { settings }: Detector, input: DetectorInput): Prepared {
  const { pixels } = image;
  const rule = settings.variant;
  const resized = shortestEdgeSize([pixels.height, pixels.width], { ...sidesOf(input), rule });
  const [height, width] = resized.map((side) => Math.max(1, side)) as [number, number];
  const small = resample(pixels, { height, width, filter: "bilinear" });
  const stride = settings.strides.at(-2)!;
  const least = [height, width].map((side) => Math.ceil(side / stride) * stride) as [number, number];
  const canvas = (input.canvases ?? []).filter((size) => size[0] >= least[0] && size[1] >= least[1])
    .toSorted((a, b) => a[0] * a[1] - b[0] * b[1])[0] ?? least;
  const values = normalise(small, input.normalisation);
  const own = input.normalisation.blueFirst ? withBlueFirst(values) : values;
  return { ...image, resized: [height, width], canvas, values: own };
}

const sidesOf = ({ short, longest }: DetectorInput) => ({ short, longest });

/** Images on one canvas, `[B, H, W, 3]`, 0 beside and below them. */
function stacked(images: readonly Prepared[], [height, width]: readonly [number, number]): Tensor {
  const data = new Float32Array(images.length * height * width * 3);
  images.forEach(({ values, resized: [rows, columns] }, b) => {
    for (let y = 0; y < rows; y++) {
      data.set(values.subarray(y * columns * 3, (y + 1) * columns * 3), (b * height + y) * width * 3);
    }
  });
  return leaf({ shape: [images.length, height, width, 3], dtype: "float32" }, { host: data });
}

/** Numbers of each image by name. */
async function rowsOf(found: Readonly<Record<string, Tensor>>, images: number, device: Device) {
  const read = await Promise.all(
    Object.entries(found).map(async ([name, x]) => [name, await x.data({ device })] as const),
  );
  return Array.from({ length: images }, (_, b) =>
    Object.fromEntries(read.map(([name, values]) => {
      const each = values.length / images;
      return [name, values.subarray(b * each, (b + 1) * each)];
    })));
}

/**
 * Prepares a detector to look at images of any sizes. It compiles a program for each filled size and number of images that it
 * meets; one side is always that of `short` or `longest`, so that there are few.
 *
 * @param model The detector.
 * @param weights Parameters and state.
 * @param options How images come to it; ids of the categories by class; where to compute.
 * @returns What runs it.
 */
export function imageDetector(
  model: Detector,
  weights: DetectorTrees,
  { input, categories, device }: {
    readonly input: DetectorInput;
    readonly categories: readonly number[];
    readonly device: Device;
  },
): ImageDetector {
  const run = jit((own: DetectorTrees, images: Tensor, sizes: Tensor) => {
    const { inside: _, ...found } = detect(model, own, { images, sizes });
    return found;
  }, { device });
  const met = new Map<string, readonly [number, number]>();
  const ofCanvas = async (images: readonly Prepared[], own: DetectorTrees): Promise<readonly DetectedImage[]> => {
    const { canvas } = images[0]!;
    met.set(canvas.join("×"), canvas);
    const found = run(own, stacked(images, canvas), tensor(images.map(({ resized }) => [...resized])));
    const read = await rowsOf(found, images.length, device);
    Object.values(found).forEach((x) => x[Symbol.dispose]());
    return images.map(({ id, pixels, resized }, b) => {
      const size = [pixels.height, pixels.width] as const;
      const rows = read[b] as unknown as FoundRows;
      const detections = foundObjects(rows, { image: id, size, resized, categories, paste: model.settings.paste });
      return { id, pixels, detections };
    });
  };
  return {
    canvases: () => [...met.values()],
    async detect(images, own = weights) {
      const prepared = images.map((image) => prepare(image, model, input));
      const found = new Map<number, DetectedImage>();
      for (const group of Map.groupBy(prepared, ({ canvas }) => canvas.join("×")).values()) {
        for (const each of await ofCanvas(group, own)) found.set(each.id, each);
      }
      return images.map(({ id }) => found.get(id)!);
    },
  };
}
