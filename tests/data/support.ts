import type { Pixels } from "../../data/images/pixels.ts";
import { encodePng } from "../../data/images/png.ts";
import { dataKey, drawsOf } from "../../data/batches/draws.ts";

/** Soft colours with some noise; another image for another seed. */
export function testImage(width: number, height: number, seed: number): Pixels {
  const draw = drawsOf(dataKey(seed));
  const [a, b, c] = [draw() * 200, draw() * 200, draw() * 200];
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i += 3) {
    const [x, y] = [(i / 3) % width, Math.floor(i / 3 / width)];
    data.set([a + x + 20 * draw(), b + y, c + ((x + y) % 50)], i);
  }
  return { width, height, channels: 3, data };
}

/** The image of make_resample_pil.py. */
export function patterned(width: number, height: number): Pixels {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) {
    const [c, x, y] = [i % 3, Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    data[i] = x * x * (3 + c) + y * (7 * c + 5) + ((x * y * (c + 1)) >> 3) * 31;
  }
  return { width, height, channels: 3, data };
}

/** Runs `f` with a new folder that holds the files, folders where a name ends with `/`, and removes it afterwards. */
export async function withFolder(
  files: Readonly<Record<string, Uint8Array>>,
  f: (path: string) => Promise<void> | void,
): Promise<void> {
  const path = await Deno.makeTempDir();
  try {
    for (const [name, bytes] of Object.entries(files)) {
      const slash = name.lastIndexOf("/");
      if (slash > 0) await Deno.mkdir(`${path}/${name.slice(0, slash)}`, { recursive: true });
      if (!name.endsWith("/")) await Deno.writeFile(`${path}/${name}`, bytes);
    }
    await f(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

/** Files image_00.png, image_01.png, … of different sizes. */
export function testFiles(count: number): Record<string, Uint8Array> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, i) => [
      `image_${String(i).padStart(2, "0")}.png`,
      encodePng(testImage(40 + 3 * i, 60 - 2 * i, i)),
    ]),
  );
}
