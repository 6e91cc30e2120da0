import { textOf } from "../text_of.ts";
import { type Kernel, type MapKernel, type ReduceKernel, scalarsOf } from "./kernel.ts";
import { type Scalar, visitScalars } from "./scalar.ts";

/** Names of kernels, which are asked for again and again. Documented cache; weak. */
const keys = new WeakMap<Kernel, string>();

/**
 * Names a kernel by its content.
 *
 * @param kernel Any kernel.
 * @returns Text that is equal for equal kernels.
 */
export function kernelKey(kernel: Kernel): string {
  if (kernel.kind === "template") return kernel.key;
  const key = keys.get(kernel) ?? textOfKernel(kernel);
  keys.set(kernel, key);
  return key;
}

function textOfKernel(kernel: MapKernel | ReduceKernel): string {
  const numbers = new Map<Scalar, number>();
  const lines: string[] = [];
  const numberOf = (x: Scalar) => numbers.get(x)!;
  const textFor = (x: Scalar): string => {
    if (x.kind === "op") return `${x.op}:${x.dtype}(${x.args.map(numberOf)})`;
    if (x.kind === "guard") return `guard(${numberOf(x.value)},${textOf(x.bounds)},${textOf(x.fill)})`;
    return x.kind === "gather" ? `gather(${numberOf(x.index)},${textOf({ ...x, index: null })})` : textOf(x);
  };
  // Shared expressions are written once and named: as a tree the text could grow exponentially.
  visitScalars(scalarsOf(kernel), (x) => numbers.set(x, lines.push(textFor(x)) - 1));
  const roots = scalarsOf(kernel).map(numberOf);
  const head = kernel.kind === "map"
    ? `map[${kernel.shape}]`
    : `${kernel.results.map(({ op }) => op)}[${kernel.shape}|${kernel.reduceShape}]${
      textOf(kernel.stores.map((x) => x.strides))
    }${kernel.epilogue?.key ?? ""}`;
  return `${head}${roots}=${lines.join(";")}`;
}
