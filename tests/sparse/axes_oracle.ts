/** @file What sparse operations on grids of any number of axes mean, in plain float64 loops. Shares no code with the library. */

/** Numbers `[B, ...size, C]` in row-major order. */
export interface Field {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** A window, one item an axis, and the size of what it gives. */
export interface Window {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly (readonly [number, number])[];
  readonly dilation: readonly number[];
  readonly outputs: readonly number[];
}

/** Makes a field of a formula of the flat position. */
export function field(shape: readonly number[], f: (k: number) => number): Field {
  return { shape, data: Float64Array.from({ length: shape.reduce((a, b) => a * b) }, (_, k) => f(k)) };
}

/** Whether each site `[B, ...size]` lies in an active cell: cells by their raster number. */
export function activeSites(cells: ReadonlySet<number>, grid: readonly number[], block: readonly number[]): boolean[] {
  const size = block.map((pixels, axis) => grid[axis + 1]! * pixels);
  const walk = (axis: number, cell: number): boolean[] =>
    axis === size.length
      ? [cells.has(cell)]
      : Array.from({ length: size[axis]! }, (_, at) =>
        walk(axis + 1, cell * grid[axis + 1]! + Math.floor(at / block[axis]!)))
        .flat();
  return Array.from({ length: grid[0]! }, (_, image) => walk(0, image)).flat();
}

/** The field where sites are active, `otherwise` elsewhere. */
export function masked({ shape, data }: Field, active: readonly boolean[], otherwise = 0): Field {
  return field(shape, (k) => active[Math.floor(k / shape.at(-1)!)] ? data[k]! : otherwise);
}

/** Calls `visit` for each output and each tap that reads inside, by flat sites. */
function eachTap(
  shape: readonly number[],
  window: Window,
  visit: (output: number, tap: number, input: number) => void,
) {
  const size = shape.slice(1, -1);
  const walk = (axis: number, output: number, tap: number, input: number): void => {
    if (axis === size.length) return visit(output, tap, input);
    for (let o = 0; o < window.outputs[axis]!; o++) {
      for (let t = 0; t < window.kernel[axis]!; t++) {
        const at = o * window.stride[axis]! - window.padding[axis]![0] + t * window.dilation[axis]!;
        if (at < 0 || at >= size[axis]!) continue;
        walk(axis + 1, output * window.outputs[axis]! + o, tap * window.kernel[axis]! + t, input * size[axis]! + at);
      }
    }
  };
  for (let image = 0; image < shape[0]!; image++) walk(0, image, 0, image);
}

/** Dense convolution with weights `[T, Cin / groups, Cout]` and both its gradients for the cotangent `dy`. */
export function convolve(x: Field, w: Float64Array, dy: Field, window: Window, groups: number): {
  readonly y: Field;
  readonly dx: Field;
  readonly dw: Float64Array;
} {
  const [cin, cout] = [x.shape.at(-1)!, dy.shape.at(-1)!];
  const [share, width] = [cin / groups, cout / groups];
  const [y, dx, dw] = [field(dy.shape, () => 0), field(x.shape, () => 0), new Float64Array(w.length)];
  eachTap(x.shape, window, (output, tap, input) => {
    for (let co = 0; co < cout; co++) {
      for (let ci = 0; ci < share; ci++) {
        const i = output * cout + co;
        const j = (tap * share + ci) * cout + co;
        const k = input * cin + Math.floor(co / width) * share + ci;
        y.data[i]! += w[j]! * x.data[k]!;
        dx.data[k]! += w[j]! * dy.data[i]!;
        dw[j]! += x.data[k]! * dy.data[i]!;
      }
    }
  });
  return { y, dx, dw };
}

/** Largest of each window and its gradient; inactive sites are left out (`ignore`) or read 0. */
export function maxPool(
  x: Field,
  active: readonly boolean[],
  dy: Field,
  window: Window,
  inactive: "ignore" | "zero",
): { readonly y: Field; readonly dx: Field } {
  const channels = x.shape.at(-1)!;
  const y = field(dy.shape, () => -Infinity);
  const winner = new Int32Array(y.data.length).fill(-1);
  eachTap(x.shape, window, (output, _, input) => {
    if (!active[input] && inactive === "ignore") return;
    for (let c = 0; c < channels; c++) {
      const value = active[input] ? x.data[input * channels + c]! : 0;
      if (value <= y.data[output * channels + c]!) continue;
      y.data[output * channels + c] = value;
      winner[output * channels + c] = active[input] ? input * channels + c : -1;
    }
  });
  const dx = field(x.shape, () => 0);
  winner.forEach((input, k) => input >= 0 && (dx.data[input]! += dy.data[k]!));
  return { y: field(y.shape, (k) => y.data[k] === -Infinity ? 0 : y.data[k]!), dx };
}

/** Sum of each window over active sites, and how many there are. */
export function sumPool(
  x: Field,
  active: readonly boolean[],
  outputShape: readonly number[],
  window: Window,
): { readonly y: Field; readonly count: Field } {
  const channels = x.shape.at(-1)!;
  const [y, count] = [field(outputShape, () => 0), field(outputShape, () => 0)];
  eachTap(x.shape, window, (output, _, input) => {
    for (let c = 0; active[input] && c < channels; c++) {
      y.data[output * channels + c]! += x.data[input * channels + c]!;
      count.data[output * channels + c]! += 1;
    }
  });
  return { y, count };
}
