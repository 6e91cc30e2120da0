import type { WatKernel, WatPass } from "../../../compiler/kernel_text.ts";
import * as wat from "../emit/wat.ts";
import type { Wat } from "../emit/wat.ts";

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
  return slabs > 1 ? wat.add(wat.argument("scratch"), wat.mul(slab, slabFloats * 4)) : wat.argument("result");
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
    wat.block(
      wat.set("from", wat.add(wat.argument("scratch"), wat.get("i"))),
      wat.set(load, `(${load}.load ${wat.get("from")})`),
      wat.loop(
        "slab",
        wat.int(1),
        wat.int(slabs),
        wat.block(
          wat.set("from", wat.add(wat.get("from"), slabFloats * 4)),
          wat.set(load, `(${plus} ${wat.get(load)} (${load}.load ${wat.get("from")}))`),
        ),
      ),
      `(${load}.store ${wat.add(wat.argument("result"), wat.get("i"))} ${wat.get(load)})`,
    );
  const item = wat.func(
    "item",
    ["index"],
    wat.block(
      wat.set("begin", wat.mul(wat.get("index"), EACH * 4)),
      wat.set("end", wat.min(wat.int(vectors), wat.add(wat.get("begin"), EACH * 4))),
      wat.loop("i", wat.get("begin"), wat.get("end"), sumOf("v128", "f32x4.add"), 16),
      wat.when(
        `(i32.eq ${wat.get("end")} ${wat.int(vectors)})`,
        wat.loop("i", wat.int(vectors), wat.int(floats * 4), sumOf("f32", "f32.add"), 4),
      ),
    ),
    { v128: "v128", f32: "f32" },
  );
  return wat.pass(buffers, [item], Math.max(1, Math.ceil(vectors / 4 / EACH)), EACH * slabs * 0.5);
}
