/** @file An image that is painted on: rectangles, frames, veils and text. What it is made from stays as it is. */
import type { Pixels, Rectangle } from "./pixels.ts";
import { dotsOf, dotWidth, LETTER_HEIGHT } from "./glyphs.ts";

/** Red, green and blue, 0 to 255. */
export type Colour = readonly [red: number, green: number, blue: number];

/** An image while it is painted; what lies outside of it is left out. */
export interface Canvas {
  /** Columns. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** Blends a colour over a rectangle; `opacity` 1 covers it. */
  fill(area: Rectangle, colour: Colour, opacity?: number): void;
  /** Draws a frame of so many pixels inside a rectangle. */
  frame(area: Rectangle, colour: Colour, line: number): void;
  /** Blends a colour over each pixel for which `covers` is true. */
  veil(covers: (x: number, y: number) => boolean, colour: Colour, opacity: number): void;
  /** Writes a text, each dot a square of `size` pixels, its upper left corner at a place. */
  text(text: string, place: readonly [left: number, top: number], colour: Colour, size: number): void;
  /** What was painted. */
  pixels(): Pixels;
}

/** Width and height of a text in pixels. */
export function textSize(text: string, size: number): readonly [width: number, height: number] {
  return [dotWidth(text) * size, LETTER_HEIGHT * size];
}

/** A copy without alpha, each pixel repeated. */
function enlarged(image: Pixels, enlarge: number): Pixels {
  const [width, height] = [image.width * enlarge, image.height * enlarge];
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (Math.floor(y / enlarge) * image.width + Math.floor(x / enlarge)) * image.channels;
      for (let c = 0; c < 3; c++) data[(y * width + x) * 3 + c] = image.data[from + c]!;
    }
  }
  return { width, height, channels: 3, data };
}

/**
 * Opens an image to paint on a copy of it.
 *
 * @param image The image; alpha is left out.
 * @param enlarge How many times each pixel is repeated in both directions.
 * @returns The canvas, three channels.
 */
export function openCanvas(image: Pixels, enlarge = 1): Canvas {
  const { width, height, data } = enlarged(image, enlarge);
  const blend = (x: number, y: number, colour: Colour, opacity: number) => {
    const at = (y * width + x) * 3;
    for (let c = 0; c < 3; c++) data[at + c] = Math.round(data[at + c]! * (1 - opacity) + colour[c]! * opacity);
  };
  const fill = ({ left, top, width: wide, height: high }: Rectangle, colour: Colour, opacity = 1) => {
    for (let y = Math.max(0, top); y < Math.min(height, top + high); y++) {
      for (let x = Math.max(0, left); x < Math.min(width, left + wide); x++) blend(x, y, colour, opacity);
    }
  };
  return {
    width,
    height,
    fill,
    frame({ left, top, width: wide, height: high }, colour, line) {
      const [across, down] = [Math.min(line, wide), Math.min(line, high)];
      fill({ left, top, width: wide, height: down }, colour);
      fill({ left, top: top + high - down, width: wide, height: down }, colour);
      fill({ left, top, width: across, height: high }, colour);
      fill({ left: left + wide - across, top, width: across, height: high }, colour);
    },
    veil(covers, colour, opacity) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) if (covers(x, y)) blend(x, y, colour, opacity);
      }
    },
    text(text, [left, top], colour, size) {
      for (const [column, row] of dotsOf(text)) {
        fill({ left: left + column * size, top: top + row * size, width: size, height: size }, colour);
      }
    },
    pixels: () => ({ width, height, channels: 3, data: data.slice() }),
  };
}
