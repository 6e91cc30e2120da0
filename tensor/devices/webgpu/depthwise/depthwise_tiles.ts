/** @file How windows of single channels are cut into tiles: chosen from the limits and the shape, or pinned by the caller. */
import type { TileVariant, WgslLimits } from "../../../compiler/kernel_text.ts";
import { powerOfTwo } from "../contraction/tiles.ts";
import { isApple } from "../machine.ts";
import type { WindowAxis } from "../../../contraction/window_axis.ts";

/**
 * How windows are cut. `rows` by `columns` results lie in one invocation: two rows only where their windows lie one pixel
 * apart. `workgroup`: a group of `down` by `across` invocations, for each of `depth` loads of channels, shares a rectangle
 * of pixels and the weights. `registers`: each invocation loads what it needs; the other sizes have no meaning.
 */
export interface WindowTile extends TileVariant {
  readonly kind: "registers" | "workgroup";
}

/** What a choice depends on along one axis. */
export type AxisShape = Pick<WindowAxis, "outputs" | "stride" | "step" | "taps">;

/** What a choice depends on. */
export interface WindowShape {
  readonly images: number;
  readonly channels: number;
  readonly y: AxisShape;
  readonly x: AxisShape;
}

const CLASS =
  /^windows 2\^(\d+) of 2\^(\d+) by 2\^(\d+) by 2\^(\d+) through (\d+) by (\d+), stride (\d+) by (\d+), step (\d+) by (\d+)$/;

/** Name of the class of a shape, a key of tables of tiles: sizes to the next power of two, windows as they are. */
export function classOfWindows({ images, channels, y, x }: WindowShape): string {
  const size = (n: number) => `2^${Math.ceil(Math.log2(Math.max(n, 1)))}`;
  const [steps, taps] = [`${Math.abs(y.step)} by ${Math.abs(x.step)}`, `${y.taps} by ${x.taps}`];
  const pixels = `${size(y.outputs)} by ${size(x.outputs)} by ${size(channels)}`;
  return `windows ${size(images)} of ${pixels} through ${taps}, stride ${y.stride} by ${x.stride}, step ${steps}`;
}

/** A shape of a class, for a tuner: the largest one; null if the class is not one of windows. */
export function windowsOfClass(name: string): WindowShape | null {
  const numbers = CLASS.exec(name)?.slice(1).map(Number);
  if (!numbers) return null;
  const [images, rows, columns, channels] = numbers.map((size) => 2 ** size) as [number, number, number, number];
  const axis = (i: 0 | 1, size: number): AxisShape => ({
    outputs: size,
    taps: numbers[4 + i]!,
    stride: numbers[6 + i]!,
    step: numbers[8 + i]!,
  });
  return { images, channels, y: axis(0, rows), x: axis(1, columns) };
}

/** Taps from which neighbours share enough for a group to load it once. */
const MANY_TAPS = 25;
/** Results side by side that one invocation holds where it loads for itself: neighbours see the same pixels. */
const WIDTH = { gpu: 4, software: 14 };

/** Results side by side of one invocation, unless a tile says otherwise. */
export function usualWidth({ software }: WgslLimits): number {
  return WIDTH[software ? "software" : "gpu"];
}

/** Channels of one load. */
export function vectorOf({ channels }: Pick<WindowShape, "channels">): 1 | 4 {
  return channels % 4 === 0 ? 4 : 1;
}

/** Rows of results that one invocation holds, of those that a tile offers. */
export function heightOf({ outputs, stride, step }: AxisShape, offered: number): 1 | 2 {
  return offered > 1 && stride === 1 && Math.abs(step) === 1 && outputs > 1 ? 2 : 1;
}

/** Pixels along an axis that so many neighbouring results see. */
export function pixelsSeen({ stride, step, taps }: AxisShape, results: number): number {
  return (results - 1) * stride + (taps - 1) * Math.abs(step) + 1;
}

/** Bytes of workgroup memory that a tile takes. */
export function windowBytes(shape: WindowShape, { kind, rows, columns, across, down, depth }: WindowTile): number {
  if (kind === "registers") return 0;
  const { y, x } = shape;
  const pixels = pixelsSeen(y, heightOf(y, rows) * down) * pixelsSeen(x, columns * across);
  return 4 * vectorOf(shape) * depth * (pixels + y.taps * x.taps);
}

/** True if a device can cut a shape so. */
function allowsWindows(limits: WgslLimits, shape: WindowShape, tile: TileVariant): tile is WindowTile {
  const { kind, rows, columns, across, down, depth } = tile;
  if (kind === "subgroup" || rows < 1 || columns < 1) return false;
  if (kind === "registers") return true;
  const fits = windowBytes(shape, { ...tile, kind }) <= limits.maxWorkgroupBytes;
  return fits && depth > 0 && across * down * depth <= limits.maxInvocations && shape.y.taps * shape.x.taps > 0;
}

/**
 * The tile of windows, from the table of the limits or by what is known of such devices: processors and Apple's GPUs keep
 * what neighbours share in their caches, others load it once for a group where there are many taps.
 *
 * @param limits Limits and traits of the device.
 * @param shape The windows.
 * @returns A tile that the device allows.
 */
export function chooseWindowTile(limits: WgslLimits, shape: WindowShape): WindowTile {
  const pinned = limits.tiles?.[classOfWindows(shape)];
  if (pinned && allowsWindows(limits, shape, pinned)) return pinned;
  return defaultTile(limits, shape);
}

function defaultTile(limits: WgslLimits, shape: WindowShape): WindowTile {
  const { y, x } = shape;
  const own = { kind: "registers", rows: 2, columns: usualWidth(limits), across: 1, down: 1, depth: 0 } as const;
  if (limits.software || isApple(limits)) return own;
  if (y.taps * x.taps < MANY_TAPS || y.stride * x.stride > 1 || vectorOf(shape) === 1) return own;
  const across = Math.min(2, powerOfTwo(Math.ceil(x.outputs / 4)));
  const down = Math.min(4, powerOfTwo(Math.ceil(y.outputs / 2)));
  // Loads of fewer than two vec4 side by side would waste half of what memory hands over at once.
  const shared = [4, 2].map((depth) => ({ kind: "workgroup", rows: 2, columns: 4, across, down, depth } as const));
  return shared.find((tile) => allowsWindows(limits, shape, tile)) ?? own;
}

/** Sizes of tiles that share, to be timed: rows, columns, across, down, depth. */
const SHARED = [
  [2, 4, 2, 4, 4],
  [2, 4, 4, 4, 2],
  [2, 4, 4, 4, 4],
  [2, 4, 4, 8, 2],
  [2, 4, 2, 4, 8],
  [2, 2, 4, 4, 4],
  [1, 4, 2, 8, 4],
  [1, 4, 4, 8, 2],
  [2, 7, 1, 4, 4],
  [2, 7, 2, 8, 2],
  [1, 7, 1, 8, 4],
  [1, 7, 2, 8, 2],
] as const;

/**
 * Tiles worth timing for a shape, for a tuner.
 *
 * @param limits Limits and traits of the device.
 * @param shape The windows.
 * @returns All are allowed; the default comes first.
 */
export function windowCandidates(limits: WgslLimits, shape: WindowShape): readonly WindowTile[] {
  const own = [1, 2].flatMap((rows) =>
    [4, 7, 14].map((columns) => ({ kind: "registers", rows, columns, across: 1, down: 1, depth: 0 } as const))
  );
  const shared = SHARED.map(([rows, columns, across, down, depth]) =>
    ({ kind: "workgroup", rows, columns, across, down, depth }) as const
  );
  const first = defaultTile(limits, shape);
  const rest = [...own, ...shared].filter((tile) => allowsWindows(limits, shape, tile));
  return [first, ...rest.filter((tile) => JSON.stringify(tile) !== JSON.stringify(first))];
}
