/** @file Windows over images as rows of a product: which pixels a row sees through each tap. */
import type { LeftRows, RowProduct } from "./row_product.ts";

/** One axis: row r sees pixel `r·stride + offset + j·step` through tap j. */
export interface WindowAxis {
  /** Rows along the axis. */
  readonly rows: number;
  /** Pixels along the axis. */
  readonly size: number;
  readonly stride: number;
  readonly offset: number;
  readonly step: number;
  readonly taps: number;
}

/** Windows over images `[B, H, W, channels]`. */
export interface Windows {
  readonly name: string;
  readonly buffer: number;
  readonly y: WindowAxis;
  readonly x: WindowAxis;
  readonly channels: number;
  /** u32 expression of the first channel, of `batch`. */
  readonly channel: string;
  readonly aligned: boolean;
}

/** True if a window may leave the image. */
function leaves({ rows, size, stride, offset, step, taps }: WindowAxis): boolean {
  const reach = (taps - 1) * step; // negative where taps walk backwards
  return offset + Math.min(0, reach) < 0 || (rows - 1) * stride + offset + Math.max(0, reach) >= size;
}

/** The pixel of row m through the tap, as an i32 expression. */
function pixel(axis: "y" | "x", { stride, offset, step }: WindowAxis, m: number): string {
  const scaled = stride === 1 ? `i32(${axis}_${m})` : `i32(${axis}_${m}) * ${stride}`;
  return `${scaled} + j${axis} * ${step} + ${offset}`;
}

/** Rows of windows: `image_m`, `y_m`, `x_m` (u32) say where row m lies in its grid, `jy` and `jx` (i32) are the tap. */
export function windowRows(windows: Windows): LeftRows {
  const { name, buffer, y, x, channels, channel, aligned } = windows;
  const guarded = leaves(y) || leaves(x);
  return {
    name,
    buffer,
    aligned,
    guarded,
    row: (m) =>
      [
        `let x_${m} = row_${m} % ${x.rows}u;`,
        `let y_${m} = row_${m} / ${x.rows}u % ${y.rows}u;`,
        `let image_${m} = row_${m} / ${y.rows * x.rows}u;`,
      ].join(" "),
    tap(m) {
      const at = `((image_${m} * ${y.size}u + u32(py_${m})) * ${x.size}u + u32(px_${m})) * ${channels}u + ${channel}`;
      // A negative position is a large one unsigned.
      const inside = `u32(py_${m}) < ${y.size}u && u32(px_${m}) < ${x.size}u`;
      return [
        `let py_${m} = ${pixel("y", y, m)};`,
        `let px_${m} = ${pixel("x", x, m)};`,
        ...(guarded ? [`let in_${m} = ${inside};`] : []),
        `let from_${m} = ${guarded ? `select(0u, ${at}, in_${m})` : at};`,
      ].join(" ");
    },
  };
}

/** Loops over the taps; none for one tap, `null` if there are none. */
export function tapLoops({ y, x }: Pick<Windows, "y" | "x">): RowProduct["taps"] {
  if (y.taps * x.taps === 0) return null;
  const loop = (name: string, taps: number) =>
    taps === 1 ? `{ let ${name} = 0;` : `for (var ${name} = 0; ${name} < ${taps}; ${name}++) {`;
  return { open: `${loop("jy", y.taps)}\n${loop("jx", x.taps)}`, close: "} }", count: y.taps * x.taps };
}
