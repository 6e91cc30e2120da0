import { deepStrictEqual, equal, notDeepStrictEqual, ok, throws } from "node:assert/strict";
import { type Detection, drawDetections, encodeMask } from "../../../../data/mod.ts";
import { dotsOf, dotWidth } from "../../../../data/images/glyphs.ts";

const GREY = 100;
const image = { width: 120, height: 90, channels: 4, data: new Uint8Array(120 * 90 * 4).fill(GREY) } as const;
const inside = (x: number, y: number) => x >= 40 && x < 60 && y >= 50 && y < 60;
const bits = Uint8Array.from({ length: 120 * 90 }, (_, i) => Number(inside(i % 120, Math.floor(i / 120))));
const cup: Detection = { image: 1, category: 3, score: 0.9, box: [30, 40, 50, 30], mask: encodeMask(bits, [90, 120]) };

const pixelOf = ({ width, data }: ReturnType<typeof drawDetections>, x: number, y: number) => [
  ...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3),
];
const grey = [GREY, GREY, GREY];

Deno.test("drawDetections() paints frame, mask and label of a box, and nothing else", () => {
  const picture = drawDetections(image, [cup], { names: new Map([[3, "cup"]]) });
  deepStrictEqual([picture.width, picture.height, picture.channels], [120, 90, 3]);
  const frame = pixelOf(picture, 30, 40);
  for (const [x, y] of [[79, 40], [30, 69], [79, 69], [55, 40], [30, 55]] as const) {
    deepStrictEqual(pixelOf(picture, x, y), frame, `frame at ${x}, ${y}`);
  }
  const veil = frame.map((c) => Math.round(GREY * 0.55 + c * 0.45));
  for (let y = 41; y < 69; y++) {
    for (let x = 31; x < 79; x++) deepStrictEqual(pixelOf(picture, x, y), inside(x, y) ? veil : grey, `${x}, ${y}`);
  }
  deepStrictEqual(pixelOf(picture, 80, 50), grey);
  deepStrictEqual(pixelOf(picture, 30, 30), grey); // above the label
  const label = Array.from({ length: dotWidth("cup 0.90") }, (_, i) => pixelOf(picture, 31 + i, 35).join());
  ok(new Set(label).size === 2, "letters and their ground");
  const ink = dotsOf("cup 0.90").filter(([, row]) => row === 3).map(([column]) => column);
  const dark = label.flatMap((colour, i) => colour === frame.join() ? [] : [i]);
  deepStrictEqual(dark, ink);
});

Deno.test("drawDetections() enlarges, keeps labels inside, gives objects colours of their own, and may leave scores out", () => {
  const high: Detection = { image: 1, category: 7, score: 0.5, box: [100, 0, 20, 20] };
  const picture = drawDetections(image, [cup, high], { enlarge: 2, scores: false });
  deepStrictEqual([picture.width, picture.height], [240, 180]);
  notDeepStrictEqual(pixelOf(picture, 60, 80), pixelOf(picture, 239, 39));
  const plain = drawDetections(image, [high], { scores: false });
  const scored = drawDetections(image, [high]);
  const painted = (x: typeof plain) => x.data.filter((value) => value !== GREY).length;
  ok(painted(scored) > painted(plain)); // its label is wider than the box, and still whole
  equal(image.data.every((value) => value === GREY), true);
  deepStrictEqual(drawDetections(image, []).data.every((value) => value === GREY), true);
});

Deno.test("drawDetections() leaves out labels that would hide surer ones, or other objects", () => {
  const boxAt = (x: number, y: number, side: number, score: number): Detection => ({
    ...{ image: 1, category: 1, score, box: [x, y, side, side] },
  });
  /** Whether a pixel of the label above a box differs from what lies there without that box. */
  const isLabelled = (found: readonly Detection[], i: number) => {
    const [x, y] = found[i]!.box;
    const colours = [found, found.map((each, j) => j === i ? { ...each, box: [118, 88, 1, 1] as const } : each)]
      .map((list) => pixelOf(drawDetections(image, list), x, y - 3).join());
    return colours[0] !== colours[1];
  };
  const near = [boxAt(20, 40, 20, 0.5), boxAt(24, 42, 20, 0.9), boxAt(70, 40, 20, 0.1)];
  deepStrictEqual(near.map((_, i) => isLabelled(near, i)), [false, true, true]);
  const hiding = [boxAt(20, 40, 20, 0.9), boxAt(22, 33, 5, 0.5)]; // the small one lies where the label would
  deepStrictEqual(isLabelled(hiding, 0), false);
});

Deno.test("drawDetections() refuses masks of another size", () => {
  throws(
    () => drawDetections({ ...image, width: 60 }, [cup]),
    /masks must be of the image's size, 90×60: current mask is 90×120/,
  );
});

Deno.test("letters: each of ASCII has dots of its own, accents are left out, others are a frame", () => {
  const shapes = Array.from({ length: 95 }, (_, i) => dotsOf(String.fromCharCode(32 + i)).join(";"));
  equal(new Set(shapes).size, 95);
  ok(shapes.every((shape, i) => i === 0 || shape.length > 0));
  deepStrictEqual(dotsOf("é"), dotsOf("e"));
  deepStrictEqual(dotsOf("漢"), dotsOf("字"));
  equal(dotWidth("ab"), 11);
  ok(Math.max(...dotsOf("ab").map(([column]) => column)) < 11);
});
