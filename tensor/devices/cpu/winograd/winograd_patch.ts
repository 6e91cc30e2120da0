/** @file Squares of pixels that overlapping or neighbouring tiles of an image read or write. */
import type { PatchAxis, Patches, TileGrid } from "../../../contraction/geometry.ts";
import { add, argument, block, func, get, int, mul, set, split, unroll, type Wat } from "../emit/text.ts";

/** Statements that set `$image`, `$tile_y`, `$tile_x` from tile number `$tile`. */
export function decodeTile({ batch, y, x }: TileGrid): Wat {
  return split(get("tile"), [["image", batch], ["tile_y", y], ["tile_x", x]]);
}

/**
 * Writes a function that notes the addresses of the pixels of a tile's square, row by row.
 * Parameters: `table` where to note them; `other` the address to note for pixels that are not there; `image tile_y tile_x`; `phase_y phase_x`.
 *
 * @param name Name of the function.
 * @param buffer Name of the buffer that holds the images.
 * @param patches Where the squares lie.
 * @param size Pixels along a side.
 * @returns The text of the function.
 */
export function patchTable(name: string, buffer: string, { y, x, pixel }: Patches, size: number): Wat {
  const start = (axis: PatchAxis, name: string) =>
    add(mul(get(`tile_${name}`), axis.tileStep), mul(get(`phase_${name}`), axis.phaseStep), axis.origin);
  const inside = (value: Wat, { extent }: PatchAxis) => `(i32.lt_u ${value} ${int(extent)})`;
  const address = (j: number) => add(get("row"), j * x.step * pixel * 4);
  const row = (i: number) =>
    block(
      set("row", add(get("from"), i * y.step * x.extent * pixel * 4)),
      set("row_there", inside(add(get("y0"), i * y.step), y)),
      unroll(size, (j) => {
        const there = `(i32.and ${get("row_there")} ${inside(add(get("x0"), j * x.step), x)})`;
        const entry = `(select ${address(j)} ${get("other")} ${there})`;
        return `(i32.store offset=${(i * size + j) * 4} ${get("table")} ${entry})`;
      }),
    );
  const position = add(mul(add(mul(get("image"), y.extent), get("y0")), x.extent), get("x0"));
  return func(
    name,
    ["table", "other", "image", "tile_y", "tile_x", "phase_y", "phase_x"],
    block(
      set("y0", start(y, "y")),
      set("x0", start(x, "x")),
      set("from", add(argument(buffer), mul(position, pixel * 4))),
      unroll(size, row),
    ),
  );
}
