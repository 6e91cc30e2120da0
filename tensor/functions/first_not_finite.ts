import { requireOptions } from "../errors.ts";
import type { Device } from "../device.ts";
import { inputsIn } from "../order.ts";
import { mul } from "../primitives/arithmetic.ts";
import { isNaN } from "../primitives/comparison.ts";
import { sum } from "../primitives/sum.ts";
import { where } from "../primitives/where.ts";
import { DTYPES } from "../spec.ts";
import { realize, type Tensor } from "../tensor.ts";

/**
 * Finds where infinities or NaN of a result come from: the earliest tensor of its program that is not finite though all
 * that it is made of is. From each result the way is followed back through what is not finite, so that an infinity that
 * is made and then left out, by `where` for instance, is not blamed.
 *
 * Everything is computed once more, in one program with a sum for each tensor: for finding errors, not for every step.
 *
 * @param outputs Floating results to explain, not traced.
 * @param options Where to compute; `infinities: false` to look for NaN only.
 * @returns The tensor, a leaf if a given value is not finite; `null` if all results are finite.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { add, div, mul, referenceDevice, tensor } from "@tessera/tessera/tensor";
 * import { firstNotFinite } from "@tessera/tessera/tensor/kernel";
 *
 * const y = add(mul(div(1, tensor([0, 1])), 2), 3);
 * equal((await firstNotFinite([y], { device: referenceDevice() }))!.primitive.name, "div");
 * ```
 */
export async function firstNotFinite(
  outputs: readonly Tensor[],
  options: { readonly device: Device; readonly infinities?: boolean },
): Promise<Tensor | null> {
  requireOptions("firstNotFinite", options, { device: true, infinities: true });
  const { device, infinities = true } = options;
  const program = inputsIn(outputs); // taken down, as what is computed here forgets it
  const nodes = [...program.keys()].filter(({ dtype }) => DTYPES[dtype].floating);
  const flagOf = (x: Tensor) => infinities ? sum(mul(x, 0)) : sum(where(isNaN(x), x, 0)); // NaN if a number is bad
  const flags = realize(nodes.map(flagOf), device);
  const values = await Promise.all(flags.map((flag) => device.read(flag)));
  const bad = new Set(nodes.filter((_, i) => Number.isNaN(values[i]![0])));
  const origins = new Set<Tensor>();
  const seen = new Set<Tensor>();
  const pending = outputs.filter((x) => bad.has(x));
  while (pending.length > 0) {
    const x = pending.pop()!;
    if (seen.has(x)) continue;
    seen.add(x);
    const blamed = program.get(x)!.filter((input) => bad.has(input));
    if (blamed.length === 0) origins.add(x);
    pending.push(...blamed);
  }
  return [...origins].reduce<Tensor | null>((a, b) => a && a.sequence < b.sequence ? a : b, null);
}
