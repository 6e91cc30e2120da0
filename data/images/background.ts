import type { Pixels } from "./pixels.ts";
import { resample } from "./resample.ts";
import type { Draw } from "./draw.ts";

type Colour = readonly [number, number, number];

/** Gives a share of each of the palette's colours at a place; x and y from 0 to 1. */
type Pattern = (draw: Draw, palette: readonly Colour[]) => (x: number, y: number) => Colour;

const TAU = 2 * Math.PI;

/** Hue in turns, saturation and lightness from 0 to 1; values from 0 to 255. */
function colour(hue: number, saturation: number, lightness: number): Colour {
  const spread = saturation * Math.min(lightness, 1 - lightness);
  const channel = (offset: number) => {
    const k = (offset + hue * 12) % 12;
    return 255 * (lightness - spread * Math.max(-1, Math.min(k - 3, 9 - k, 1)));
  };
  return [channel(0), channel(8), channel(4)];
}

/** Three colours that go together: one hue, a neighbour and sometimes the opposite; light, middle or dark. */
function drawPalette(draw: Draw): readonly Colour[] {
  const hue = draw();
  const saturation = 0.15 + 0.5 * draw();
  const lightness = 0.3 + 0.5 * draw();
  const shift = (draw() < 0.25 ? 0.5 : 0.04 + 0.1 * draw()) + 1;
  return [
    colour(hue, saturation, lightness),
    colour((hue + shift) % 1, saturation * 0.9, Math.min(0.9, lightness + 0.06 + 0.12 * draw())),
    colour((hue + 2 - shift) % 1, saturation * 0.8, Math.max(0.15, lightness - 0.06 - 0.12 * draw())),
  ];
}

const mix = (a: Colour, b: Colour, share: number): Colour => [
  a[0] + (b[0] - a[0]) * share,
  a[1] + (b[1] - a[1]) * share,
  a[2] + (b[2] - a[2]) * share,
];

/** 0 before `low`, 1 after `high`, smooth between. */
function smoothStep(low: number, high: number, x: number): number {
  const t = Math.min(1, Math.max(0, (x - low) / (high - low)));
  return t * t * (3 - 2 * t);
}

const gradient: Pattern = (draw, [a, b]) => {
  const angle = draw() * TAU;
  const [dx, dy] = [Math.cos(angle), Math.sin(angle)];
  return (x, y) => mix(a!, b!, smoothStep(-0.6, 0.6, (x - 0.5) * dx + (y - 0.5) * dy));
};

const glow: Pattern = (draw, [a, b, c]) => {
  const [cx, cy] = [0.2 + 0.6 * draw(), 0.2 + 0.6 * draw()];
  const middle = mix(b!, [255, 255, 255], 0.25);
  return (x, y) => {
    const distance = Math.hypot(x - cx, y - cy);
    return mix(mix(middle, a!, smoothStep(0, 0.5, distance)), c!, smoothStep(0.4, 1, distance));
  };
};

const blobs: Pattern = (draw, [a, b, c]) => {
  const spots = Array.from({ length: 5 }, (_, i) => {
    return { x: draw(), y: draw(), sharpness: 1 / (0.12 + 0.25 * draw()) ** 2, colour: i % 2 ? b! : c! };
  });
  return (x, y) =>
    spots.reduce((under, spot) => {
      const share = Math.exp(-((x - spot.x) ** 2 + (y - spot.y) ** 2) * spot.sharpness);
      return mix(under, spot.colour, 0.9 * share);
    }, a!);
};

/** Sky over ground with a soft horizon. */
const horizon: Pattern = (draw, [a, b, c]) => {
  const height = 0.5 + 0.25 * draw();
  return (x, y) =>
    mix(mix(b!, a!, smoothStep(0, height, y)), mix(c!, a!, 0.3 * x), smoothStep(height - 0.02, height + 0.02, y));
};

const stripes: Pattern = (draw, [a, b]) => {
  const angle = draw() * TAU;
  const count = 3 + 6 * draw();
  const [dx, dy, phase] = [Math.cos(angle) * count, Math.sin(angle) * count, draw()];
  return (x, y) => mix(a!, b!, smoothStep(-0.3, 0.3, Math.sin((x * dx + y * dy + phase) * TAU)));
};

const dots: Pattern = (draw, [a, b]) => {
  const count = 4 + Math.floor(5 * draw());
  const radius = 0.2 + 0.15 * draw();
  return (x, y) => {
    const row = Math.floor(y * count);
    const column = x * count + (row % 2) / 2;
    const distance = Math.hypot(column - Math.floor(column) - 0.5, y * count - row - 0.5);
    return mix(b!, a!, smoothStep(radius - 0.06, radius + 0.06, distance));
  };
};

const checks: Pattern = (draw, [a, , c]) => {
  const count = 3 + Math.floor(4 * draw());
  const other = mix(a!, c!, 0.7);
  const wave = (t: number) => Math.sin(t * count * Math.PI);
  return (x, y) => mix(a!, other, smoothStep(-0.15, 0.15, wave(x) * wave(y)));
};

/** Each with the resolution it needs: smooth patterns are drawn coarsely and enlarged. */
const PATTERNS: readonly { readonly pattern: Pattern; readonly coarse: number }[] = [
  { pattern: gradient, coarse: 8 },
  { pattern: glow, coarse: 4 },
  { pattern: blobs, coarse: 4 },
  { pattern: horizon, coarse: 2 },
  { pattern: stripes, coarse: 2 },
  { pattern: dots, coarse: 1 },
  { pattern: checks, coarse: 2 },
];

/**
 * Paints a background: a random pattern (gradient, glow, blobs, horizon, stripes, dots, checks) in a random palette of
 * colours that go together.
 *
 * @param size Width and height in pixels, at least 8.
 * @param draw Source of randomness.
 * @returns A square RGB image.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { dataKey, drawsOf, paintBackground } from "@tessera/tessera/data";
 *
 * equal(paintBackground(16, drawsOf(dataKey(1))).data.length, 16 * 16 * 3);
 * ```
 */
export function paintBackground(size: number, draw: Draw): Pixels {
  const palette = drawPalette(draw);
  const { pattern, coarse } = PATTERNS[Math.floor(draw() * PATTERNS.length)]!;
  const paint = pattern(draw, palette);
  const side = Math.ceil(size / coarse);
  const data = new Uint8Array(side * side * 3);
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      data.set(paint((column + 0.5) / side, (row + 0.5) / side), (row * side + column) * 3);
    }
  }
  return resample({ width: side, height: side, channels: 3, data }, { width: size, height: size, filter: "bilinear" });
}
