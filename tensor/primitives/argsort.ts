import { requireOptions } from "../errors.ts";
import type { ArgsortParams } from "../compiler/kernel_forms.ts";
import { ARGSORT_FORM } from "../kernels/argsort.ts";
import type { Primitive } from "../primitive.ts";
import { bind, type Tensor } from "../tensor.ts";
import { requireTensor } from "../require_tensor.ts";
import { transpose } from "./layout.ts";
import { normalizeAxes } from "./sum.ts";

/** Orders NaN after every number. */
function ascending(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return a < b ? -1 : Number(a > b);
}

const ARGSORT: Primitive<ArgsortParams> = {
  name: "argsort",
  shapeRule: ([x]) => ({ shape: x!.shape, dtype: "int32" }),
  reference: ([x], { descending }) => {
    const length = x!.shape.at(-1)!;
    const result = new Float64Array(x!.data.length);
    for (let start = 0; start < result.length; start += length) {
      const line = x!.data.subarray(start, start + length);
      const compare = (a: number, b: number) =>
        descending && !Number.isNaN(line[a]!) && !Number.isNaN(line[b]!)
          ? ascending(line[b]!, line[a]!)
          : ascending(line[a]!, line[b]!);
      result.set([...line.keys()].sort(compare), start);
    }
    return result;
  },
  vjpRule: () => [null],
  batchRule: ({ inputs }, params) => bind(ARGSORT, inputs, params),
  lowering: { kind: "kernel", form: ARGSORT_FORM },
};

/**
 * The positions that would sort along an axis. Stable: equal elements keep their order; NaN comes last.
 *
 * @param x Tensor of at least one axis.
 * @param options `axis`, the last by default; `descending` puts the largest first.
 * @returns int32 tensor of the shape of `x`.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { argsort, tensor } from "@tessera/tessera/tensor";
 *
 * deepStrictEqual(await argsort(tensor([3, 1, 2])).data(), new Int32Array([1, 2, 0]));
 * ```
 */
export function argsort(
  x: Tensor,
  options: { readonly axis?: number; readonly descending?: boolean } = {},
): Tensor {
  requireOptions("argsort", options, { axis: true, descending: true });
  requireTensor("argsort", "x", x);
  const { axis = -1, descending = false } = options;
  const [at] = normalizeAxes("argsort", x, axis);
  const last = x.shape.length - 1;
  if (at === last) return bind(ARGSORT, [x], { descending });
  const swapped = [...x.shape.keys()].map((i) => i === at ? last : i === last ? at! : i);
  return transpose(bind(ARGSORT, [transpose(x, swapped)], { descending }), swapped);
}
