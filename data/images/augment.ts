/**
 * @file Random changes of images by one list of operations: TrivialAugment (Müller and Hutter, ICCV 2021) and RandAugment
 * (Cubuk et al., NeurIPS 2020), with the operations and strengths of torchvision and bicubic reading.
 */
import { rotate, shear, translate } from "./affine.ts";
import {
  adjustBrightness,
  adjustContrast,
  adjustSaturation,
  adjustSharpness,
  autoContrast,
  equalize,
  posterize,
  solarize,
} from "./colour.ts";
import type { Pixels } from "./pixels.ts";
import type { Draw } from "./draw.ts";

/** One operation, of any strength. */
export type Operation = (image: Pixels, strength: number) => Pixels;

/** The operations, in torchvision's order. Names are those of its documentation. */
export const AUGMENTATIONS: Readonly<Record<string, Operation>> = {
  Identity: (image) => image,
  ShearX: (image, strength) => shear(image, strength, 0),
  ShearY: (image, strength) => shear(image, 0, strength),
  TranslateX: (image, strength) => translate(image, strength, 0),
  TranslateY: (image, strength) => translate(image, 0, strength),
  Rotate: rotate,
  Brightness: (image, strength) => adjustBrightness(image, 1 + strength),
  Color: (image, strength) => adjustSaturation(image, 1 + strength),
  Contrast: (image, strength) => adjustContrast(image, 1 + strength),
  Sharpness: (image, strength) => adjustSharpness(image, 1 + strength),
  Posterize: (image, strength) => posterize(image, Math.trunc(strength)),
  Solarize: solarize,
  AutoContrast: autoContrast,
  Equalize: equalize,
};

/** A choice of operations and of their strengths. Plain data. */
export type Augmentation = TrivialAugment | RandAugment;

/** One operation an image, its strength drawn evenly: "wide", as in torchvision. */
export interface TrivialAugment {
  /** Which choice. */
  readonly kind: "trivial";
}

/** Some operations an image, all of one strength. */
export interface RandAugment {
  /** Which choice. */
  readonly kind: "rand";
  /** Operations; 2 if not given. */
  readonly count?: number;
  /** Strength, 0 to 30; 9 if not given. */
  readonly magnitude?: number;
}

/** Strengths are drawn from so many steps. */
const BINS = 31;

/** An operation that was drawn. */
export interface DrawnOperation {
  /** Name in `AUGMENTATIONS`. */
  readonly name: string;
  /** Its strength. */
  readonly strength: number;
}

/** Largest strengths. */
interface Strengths {
  readonly shear: number;
  readonly rotate: number;
  readonly colour: number;
  /** Bits that are lost at most. */
  readonly posterize: number;
  readonly translateX: number;
  readonly translateY: number;
}

/**
 * The strength of an operation.
 *
 * @param name Name of the operation.
 * @param bin Step, 0 to 30.
 * @param largest Strengths at the last step.
 * @returns The strength without sign, and whether it may have one.
 */
function strengthOf(
  name: string,
  bin: number,
  largest: Strengths,
): { readonly size: number; readonly signed: boolean } {
  const share = bin / (BINS - 1);
  const signed = (size: number) => ({ size: size * share, signed: true });
  if (name.startsWith("Shear")) return signed(largest.shear);
  if (name === "TranslateX") return signed(largest.translateX);
  if (name === "TranslateY") return signed(largest.translateY);
  if (name === "Rotate") return signed(largest.rotate);
  if (name === "Posterize") return { size: 8 - roundHalfEven(bin / ((BINS - 1) / largest.posterize)), signed: false };
  if (name === "Solarize") return { size: 255 * (1 - share), signed: false };
  const hasStrength = ["Brightness", "Color", "Contrast", "Sharpness"].includes(name);
  return hasStrength ? signed(largest.colour) : { size: 0, signed: false };
}

/** As PyTorch rounds. */
function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  return x - floor === 0.5 ? floor + floor % 2 : Math.round(x);
}

/**
 * Draws the operations for an image.
 *
 * @param augmentation Which choice.
 * @param size Rows and columns of the image.
 * @param draw Source of randomness.
 * @returns Operations, in their order.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { dataKey, drawOperations, drawsOf } from "@tessera/tessera/data";
 *
 * equal(drawOperations({ kind: "rand" }, [32, 32], drawsOf(dataKey(1))).length, 2);
 * ```
 */
export function drawOperations(
  augmentation: Augmentation,
  [height, width]: readonly [number, number],
  draw: Draw,
): readonly DrawnOperation[] {
  const names = Object.keys(AUGMENTATIONS);
  const isTrivial = augmentation.kind === "trivial";
  const count = isTrivial ? 1 : augmentation.count ?? 2;
  const largest: Strengths = isTrivial
    ? { shear: 0.99, rotate: 135, colour: 0.99, posterize: 6, translateX: 32, translateY: 32 }
    : {
      shear: 0.3,
      rotate: 30,
      colour: 0.9,
      posterize: 4,
      translateX: 150 / 331 * width,
      translateY: 150 / 331 * height,
    };
  return Array.from({ length: count }, () => {
    const name = names[Math.floor(draw() * names.length)]!;
    const bin = isTrivial ? Math.floor(draw() * BINS) : augmentation.magnitude ?? 9;
    const { size, signed } = strengthOf(name, bin, largest);
    return { name, strength: signed && draw() < 0.5 ? -size : size };
  });
}

/**
 * Changes an image at random.
 *
 * @param image An RGB image.
 * @param augmentation Which choice of operations.
 * @param draw Source of randomness.
 * @returns An image of the same size.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { augment, dataKey, drawsOf, paintBackground } from "@tessera/tessera/data";
 *
 * const draw = drawsOf(dataKey(1));
 * equal(augment(paintBackground(16, draw), { kind: "trivial" }, draw).width, 16);
 * ```
 */
export function augment(image: Pixels, augmentation: Augmentation, draw: Draw): Pixels {
  return drawOperations(augmentation, [image.height, image.width], draw)
    .reduce((changed, { name, strength }) => AUGMENTATIONS[name]!(changed, strength), image);
}
