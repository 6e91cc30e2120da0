import type { WatKernel, WatPass } from "../../../compiler/kernel.ts";
import { add, argument, block, func, get, int, loop, min, mul, pass, set, type Wat, when } from "../emit/text.ts";

/** Sums over slabs of rows: those of each at the start of scratch, or the results themselves if there is one slab. */
export interface PartialSums {
  /** How many sums. */
  readonly floats: number;
  readonly slabs: number;
  /** Floats from one slab to the next, a multiple of 4 and at least `floats`. */
  readonly slabFloats: number;
}

/** Address of the sums of a slab. */
export function sumsOf({ slabs, slabFloats }: PartialSums, slab: Wat): Wat {
  return slabs > 1 ? add(argument("scratch"), mul(slab, slabFloats * 4)) : argument("result");
}

/**
 * Makes a kernel of the pass that sums over slabs, with one that adds the slabs if there are several.
 *
 * @param buffers Names of the inputs and outputs, in order.
 * @param sums Sizes.
 * @param contract The pass over slabs.
 * @param localBytes Scratch of a thread.
 * @returns The kernel.
 */
export function summedKernel(
  buffers: readonly string[],
  sums: PartialSums,
  contract: WatPass,
  localBytes: number,
): WatKernel {
  if (sums.slabs === 1) return { passes: [contract], scratchBytes: 0, localBytes };
  return {
    passes: [contract, slabSum(buffers, sums)],
    scratchBytes: sums.slabs * sums.slabFloats * 4,
    localBytes,
  };
}

/** Floats one work item sums. */
const EACH = 2048;

/** Makes the pass that adds partial sums in the order of their slabs, so that the result does not depend on who computed them. */
function slabSum(buffers: readonly string[], { floats, slabs, slabFloats }: PartialSums): WatPass {
  const vectors = Math.floor(floats / 4) * 16;
  const sumOf = (load: string, plus: string) =>
    block(
      set("from", add(argument("scratch"), get("i"))),
      set(load, `(${load}.load ${get("from")})`),
      loop(
        "slab",
        int(1),
        int(slabs),
        block(
          set("from", add(get("from"), slabFloats * 4)),
          set(load, `(${plus} ${get(load)} (${load}.load ${get("from")}))`),
        ),
      ),
      `(${load}.store ${add(argument("result"), get("i"))} ${get(load)})`,
    );
  const item = func(
    "item",
    ["index"],
    block(
      set("begin", mul(get("index"), EACH * 4)),
      set("end", min(int(vectors), add(get("begin"), EACH * 4))),
      loop("i", get("begin"), get("end"), sumOf("v128", "f32x4.add"), 16),
      when(
        `(i32.eq ${get("end")} ${int(vectors)})`,
        loop("i", int(vectors), int(floats * 4), sumOf("f32", "f32.add"), 4),
      ),
    ),
    { v128: "v128", f32: "f32" },
  );
  return pass(buffers, [item], Math.max(1, Math.ceil(vectors / 4 / EACH)), EACH * slabs * 0.5);
}
