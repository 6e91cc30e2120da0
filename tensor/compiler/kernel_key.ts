import { textOf } from "../text_of.ts";
import { type Kernel, valuesOf } from "./kernel.ts";
import type { Scalar } from "./scalar.ts";

/**
 * Names a kernel by its content.
 *
 * @param kernel Any kernel.
 * @returns Text that is equal for equal kernels.
 */
export function kernelKey(kernel: Kernel): string {
  if (kernel.kind === "template") return kernel.key;
  const numbers = new Map<Scalar, number>();
  const lines: string[] = [];
  // Shared expressions are written once and named: as a tree the text could grow exponentially.
  const write = (x: Scalar): number => {
    const known = numbers.get(x);
    if (known !== undefined) return known;
    const text = x.kind === "op"
      ? `${x.op}:${x.dtype}(${x.args.map(write)})`
      : x.kind === "guard"
      ? `guard(${write(x.value)},${textOf(x.bounds)},${textOf(x.fill)})`
      : x.kind === "gather"
      ? `gather(${write(x.index)},${textOf({ ...x, index: null })})`
      : textOf(x);
    numbers.set(x, lines.push(text) - 1);
    return lines.length - 1;
  };
  const roots = valuesOf(kernel).map(write);
  const head = kernel.kind === "map"
    ? `map[${kernel.shape}]`
    : `${kernel.results.map(({ op }) => op)}[${kernel.shape}|${kernel.reduceShape}]${
      textOf(kernel.stores.map((x) => x.strides))
    }`;
  return `${head}${roots}=${lines.join(";")}`;
}
