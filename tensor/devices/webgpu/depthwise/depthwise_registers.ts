/** @file Windows of single channels with nothing shared: each invocation loads what its results see. */
import type { WgslMemory, WgslPass } from "../../../compiler/kernel_text.ts";
import { addWindows, bindingsOf, type Depthwise, evenWidth, patchOf, storePatch } from "./depthwise_parts.ts";
import type { WindowTile } from "./depthwise_tiles.ts";
import { itemPass, unravel } from "../emit/shader.ts";

/**
 * Writes windows: one invocation holds a run of results along x, in one row or two, and walks the rows of pixels.
 *
 * @param windows What they see.
 * @param tile The tile; runs are shorter where that cuts the axis evenly.
 * @returns The pass.
 */
export function registerWindows(windows: Depthwise, tile: WindowTile): WgslPass {
  const { images, y, x, weight } = windows;
  const patch = patchOf(windows, { rows: tile.rows, columns: evenWidth(x.outputs, tile.columns) });
  const { height, width, type, vector, parts } = patch;
  const [pairs, runs] = [Math.ceil(y.outputs / height), Math.ceil(x.outputs / width)];
  const sums = ({ load }: WgslMemory) =>
    addWindows(windows, patch, {
      weight: (j) => load("w", `(${weight.at("u32(jy)", `${j}u`)}) / ${vector}u + part`),
      line:
        `let line = (image * ${y.extent}u + u32(py)) * ${x.extent}u; let first = i32(x) * ${x.stride} + ${x.origin};`,
      pixel(n, distance) {
        const value = load("image_in", `(line + u32(px_${n})) * ${parts}u + part`);
        return `let px_${n} = first + ${distance}; let seen_${n} = select(${type}(), ${value}, u32(px_${n}) < ${x.extent}u);`;
      },
    });
  const body = (memory: WgslMemory) =>
    [
      unravel("item", [["image", 0], ["pair", pairs], ["run", runs], ["part", parts]]),
      `let x = run * ${width}u; let y = pair * ${height}u;`,
      ...sums(memory),
      ...storePatch(memory, windows, patch, { rows: height, columns: width }),
    ].join("\n");
  return itemPass(bindingsOf(windows, patch), { items: images * pairs * runs * parts, body });
}
