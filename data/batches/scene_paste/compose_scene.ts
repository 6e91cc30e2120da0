/** @file One scene: a background, objects back to front, and what is seen of each. */
import { paintBackground } from "../../images/background.ts";
import type { Draw } from "../../images/draw.ts";
import type { Pixels } from "../../images/pixels.ts";
import { resample } from "../../images/resample.ts";
import { laySprite, turnSprite } from "../../images/sprite.ts";
import { flipHorizontal } from "../../images/transforms.ts";
import { encodeMask } from "../../sets/coco/run_lengths.ts";
import { boundsOfMask } from "../../sets/scenes/place_mask.ts";
import type { Scene, SceneObject } from "../../sets/scenes/scene.ts";

/** What a scene is like. */
export interface SceneLook {
  /** Rows and columns. */
  readonly size: number;
  /** Least and most objects. */
  readonly objects: readonly [number, number];
  /** Least and largest side as a share of the scene's. */
  readonly scale: readonly [number, number];
  /** Whether there is a crowd of small copies of one object. */
  readonly hasCrowd: boolean;
}

/** What it is made of. */
export interface SceneParts {
  /** Source of randomness. */
  readonly draw: Draw;
  /** Numbers of the sprites of each class. */
  readonly classes: readonly (readonly number[])[];
  /** Gives a sprite. */
  readonly spriteOf: (index: number) => Promise<Pixels>;
}

/** A sprite in its place. */
interface Layer {
  readonly sprite: Pixels;
  readonly left: number;
  readonly top: number;
}

/** Objects so far: what each covers by itself, and what is seen of it. */
interface Laid {
  readonly class: number;
  readonly crowd: boolean;
  readonly layers: readonly Layer[];
  /** Pixels that it covers. */
  readonly area: number;
  /** Row-major, 1 where it is seen. */
  readonly seen: Uint8Array;
}

/** From this alpha on a pixel belongs to an object. */
const SOLID = 128;

/** Least part of an object that must be seen, and least pixels. */
const [LEAST_SHARE, LEAST_PIXELS] = [0.25, 16];

/** Places that are tried for an object before it is left out. */
const TRIES = 20;

/** Largest turn to either side, in degrees. */
const TURN = 20;

/** Rows and columns of a crowd, and the share of the scene's side that one of it has. */
const [CROWD, CROWD_SCALE] = [[3, 4], 0.09] as const;

/**
 * Composes a scene.
 *
 * @param look What it is like.
 * @param parts What it is made of.
 * @returns Image and objects, crowds among them.
 */
export async function composeScene(look: SceneLook, parts: SceneParts): Promise<Scene> {
  const { size, objects: [least, most], hasCrowd } = look;
  const { draw } = parts;
  const background = paintBackground(size, draw);
  const count = least + Math.floor(draw() * (most - least + 1));
  let laid: readonly Laid[] = [];
  for (let i = 0; i < count + Number(hasCrowd); i++) {
    const isCrowd = hasCrowd && i === 0; // behind all others
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const next = placed(laid, isCrowd ? await drawCrowd(look, parts) : await drawObject(look, parts), size);
      if (!next) continue;
      laid = next;
      break;
    }
  }
  const image = { ...background, data: background.data.slice() };
  laid.forEach(({ layers }) => layers.forEach(({ sprite, left, top }) => laySprite(image, sprite, left, top)));
  return { image, objects: laid.map((object) => objectOf(object, size)) };
}

/** An object of which it is not known yet what is seen. */
type Drawn = Pick<Laid, "class" | "crowd" | "layers">;

const pick = <T>(items: readonly T[], draw: Draw): T => items[Math.floor(draw() * items.length)]!;

async function drawObject({ size, scale: [least, most] }: SceneLook, parts: SceneParts): Promise<Drawn> {
  const { draw, classes, spriteOf } = parts;
  const kind = Math.floor(draw() * classes.length);
  const sprite = await spriteOf(pick(classes[kind]!, draw));
  const side = size * least * (most / least) ** draw();
  const turned = turnSprite(scaled(sprite, side), TURN * (2 * draw() - 1));
  const object = draw() < 0.5 ? flipHorizontal(turned) : turned;
  const place = (length: number) => Math.floor(draw() * Math.max(1, size - length + 1));
  const layers = [{ sprite: fitted(object, size), left: place(object.width), top: place(object.height) }];
  return { class: kind, crowd: false, layers };
}

function scaled(sprite: Pixels, side: number): Pixels {
  const factor = side / Math.max(sprite.width, sprite.height);
  const length = (pixels: number) => Math.max(1, Math.round(pixels * factor));
  return resample(sprite, { width: length(sprite.width), height: length(sprite.height), filter: "bilinear" });
}

/** A turned sprite may be larger than a small scene. */
function fitted(sprite: Pixels, size: number): Pixels {
  return Math.max(sprite.width, sprite.height) <= size ? sprite : scaled(sprite, size);
}

/** Rows of copies of one object, each a little out of line. */
async function drawCrowd({ size }: SceneLook, { draw, classes, spriteOf }: SceneParts): Promise<Drawn> {
  const kind = Math.floor(draw() * classes.length);
  const sprite = scaled(await spriteOf(pick(classes[kind]!, draw)), Math.max(4, size * CROWD_SCALE));
  const [rows, columns] = CROWD;
  const step = Math.max(sprite.width, sprite.height);
  const room = (count: number) => Math.max(0, size - (count + 0.5) * step);
  const [x, y] = [draw() * room(columns), draw() * room(rows)];
  const inside = (at: number, length: number) => Math.min(Math.floor(at), size - length);
  const layers = Array.from({ length: rows * columns }, (_, i) => ({
    sprite,
    left: inside(x + (i % columns + 0.4 * draw()) * step, sprite.width),
    top: inside(y + (Math.floor(i / columns) + 0.4 * draw()) * step, sprite.height),
  }));
  return { class: kind, crowd: true, layers };
}

/** Objects with one more before them; null if too little of one would be seen. */
function placed(laid: readonly Laid[], drawn: Drawn, size: number): readonly Laid[] | null {
  const seen = new Uint8Array(size * size);
  drawn.layers.forEach((layer) => cover(layer, size, (at) => seen[at] = 1));
  const area = areaOf(seen);
  const behind = laid.map((object) => ({ ...object, seen: object.seen.map((value, at) => seen[at] ? 0 : value) }));
  const all = [...behind, { ...drawn, area, seen }];
  const isSeen = (object: Laid) => {
    const pixels = areaOf(object.seen);
    return pixels >= LEAST_PIXELS && pixels >= LEAST_SHARE * object.area;
  };
  return all.every(isSeen) ? all : null;
}

const areaOf = (mask: Uint8Array): number => mask.reduce((sum, value) => sum + value, 0);

/** Visits the solid pixels of a sprite. */
function cover({ sprite, left, top }: Layer, size: number, visit: (at: number) => void): void {
  for (let y = 0; y < sprite.height; y++) {
    for (let x = 0; x < sprite.width; x++) {
      if (sprite.data[(y * sprite.width + x) * 4 + 3]! >= SOLID) visit((top + y) * size + left + x);
    }
  }
}

function objectOf({ class: kind, crowd, seen }: Laid, size: number): SceneObject {
  return { class: kind, crowd, box: boundsOfMask(seen, size)!, segmentation: encodeMask(seen, [size, size]) };
}
