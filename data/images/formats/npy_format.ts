import { decodeNpy } from "../../formats/npy.ts";
import { numbersOf } from "../../formats/file_tensor.ts";
import { type ImageFormat, UnreadFormError } from "../image_format.ts";
import type { Raster } from "../raster.ts";
import { hasText } from "./head.ts";

/** More channels come last; so many or fewer may come first, as PyTorch has them. */
const FEW = 4;

/** Shape as rows, columns, channels. */
function shapeOf(
  shape: readonly number[],
): { readonly size: readonly [number, number, number]; readonly first: boolean } {
  const [a, b, c] = shape as readonly [number, number, number];
  if (shape.length === 2) return { size: [a, b, 1], first: false };
  if (shape.length !== 3) {
    throw new UnreadFormError(
      `an array must be one image, [H, W], [H, W, C] or [C, H, W], current shape is [${shape.join(", ")}]`,
    );
  }
  return a <= FEW && c > FEW ? { size: [b, c, a], first: true } : { size: [a, b, c], first: false };
}

/** From planes to pixels. */
function interleaved<T extends Uint8Array | Uint16Array | Float32Array>(planes: T, channels: number): T {
  const out = planes.slice() as T;
  const count = planes.length / channels;
  for (let c = 0; c < channels; c++) for (let i = 0; i < count; i++) out[i * channels + c] = planes[c * count + i]!;
  return out;
}

function decode(bytes: Uint8Array): Raster {
  const tensor = decodeNpy(bytes, "the array");
  const { size: [height, width, channels], first } = shapeOf(tensor.shape);
  const { dtype } = tensor;
  const isBytes = dtype === "U8" || dtype === "BOOL";
  const values = isBytes
    ? Uint8Array.from(tensor.data as Uint8Array)
    : dtype === "U16"
    ? Uint16Array.from(tensor.data as Uint16Array)
    : Float32Array.from(numbersOf(tensor));
  const data = first && channels > 1 ? interleaved(values, channels) : values;
  if (dtype === "BOOL") return { width, height, channels, data, range: [0, 1] };
  const isUnit = data instanceof Float32Array && data.every((value) => value >= 0 && value <= 1);
  return { width, height, channels, data, ...(isUnit ? { range: [0, 1] as const } : {}) };
}

/**
 * NumPy arrays `[H, W]`, `[H, W, C]`, or `[C, H, W]` with four channels at most: bytes, 16 bits, and floats, which are from 0
 * (black) to 1 (white) if all are, else from the least to the largest.
 */
export const NPY: ImageFormat = {
  name: "npy",
  endings: [".npy"],
  isArray: true,
  sniff: (bytes) => hasText(bytes, 0, "\x93NUMPY"),
  decode,
};
