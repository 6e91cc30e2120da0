import type { WatPass } from "../../../compiler/kernel.ts";
import { add, argument, block, func, get, int, loop, min, mul, pass, set, when } from "../emit/text.ts";

/** Partial sums at the start of scratch. */
export interface SlabSumOptions {
  /** Name of the buffer that gets the sums. */
  readonly output: string;
  /** How many sums. */
  readonly floats: number;
  readonly slabs: number;
  /** Floats from one slab to the next, a multiple of 4 and at least `floats`. */
  readonly slabFloats: number;
}

/** Floats one work item sums. */
const EACH = 2048;

/**
 * Makes the pass that adds partial sums in the order of their slabs, so that the result does not depend on who computed them.
 *
 * @param buffers Names of the inputs and outputs, in order.
 * @param options Where the partial sums lie.
 * @returns The pass.
 */
export function slabSum(buffers: readonly string[], { output, floats, slabs, slabFloats }: SlabSumOptions): WatPass {
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
      `(${load}.store ${add(argument(output), get("i"))} ${get(load)})`,
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
