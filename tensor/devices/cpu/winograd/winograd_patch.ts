/** @file Squares of pixels that overlapping or neighbouring tiles of an image read or write. */
import type { PatchAxis, Patches, TileGrid } from "../../../contraction/geometry.ts";
import * as wat from "../emit/wat.ts";
import type { Wat } from "../emit/wat.ts";

/** Statements that set `$image`, `$tile_y`, `$tile_x` from tile number `$tile`. */
export function decodeTile({ batch, y, x }: TileGrid): Wat {
  return wat.split(wat.get("tile"), [["image", batch], ["tile_y", y], ["tile_x", x]]);
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
    wat.add(
      wat.mul(wat.get(`tile_${name}`), axis.tileStep),
      wat.mul(wat.get(`phase_${name}`), axis.phaseStep),
      axis.origin,
    );
  const inside = (value: Wat, { extent }: PatchAxis) => `(i32.lt_u ${value} ${wat.int(extent)})`;
  const address = (j: number) => wat.add(wat.get("row"), j * x.step * pixel * 4);
  const row = (i: number) =>
    wat.block(
      wat.set("row", wat.add(wat.get("from"), i * y.step * x.extent * pixel * 4)),
      wat.set("row_there", inside(wat.add(wat.get("y0"), i * y.step), y)),
      wat.unroll(size, (j) => {
        const there = `(i32.and ${wat.get("row_there")} ${inside(wat.add(wat.get("x0"), j * x.step), x)})`;
        const entry = `(select ${address(j)} ${wat.get("other")} ${there})`;
        return `(i32.store offset=${(i * size + j) * 4} ${wat.get("table")} ${entry})`;
      }),
    );
  const position = wat.add(
    wat.mul(wat.add(wat.mul(wat.get("image"), y.extent), wat.get("y0")), x.extent),
    wat.get("x0"),
  );
  return wat.func(
    name,
    ["table", "other", "image", "tile_y", "tile_x", "phase_y", "phase_x"],
    wat.block(
      wat.set("y0", start(y, "y")),
      wat.set("x0", start(x, "x")),
      wat.set("from", wat.add(wat.argument(buffer), wat.mul(position, pixel * 4))),
      wat.unroll(size, row),
    ),
  );
}
