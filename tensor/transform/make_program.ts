/** @file What functions do, to be read. */
import { requireFunction } from "../errors.ts";
import { Tensor } from "../tensor.ts";
import { programText } from "./program_text.ts";
import { traceOf } from "./trace.ts";

/** A function as it was traced: what JAX calls a jaxpr. `String(program)` writes it line by line. */
export interface TracedProgram {
  /** Stand-ins of the tensors and numbers among the arguments, in the order of the leaves. */
  readonly inputs: readonly Tensor[];
  /** Tensors among the results, in the order of the leaves. */
  readonly outputs: readonly Tensor[];
  /** The program as text. */
  toString(): string;
}

/**
 * Makes a function that tells what another one does, as JAX's `make_jaxpr`: nothing is computed.
 *
 * @param f A function of trees of tensors.
 * @returns A function of the same arguments whose result, written by `String`, lists constants, arguments and then each
 * operation with its shape, settings and operands. Jitted functions inside are a part of it.
 * @throws {TypeError} By that function, if arguments or results hold something else than tensors and plain values.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { makeProgram, mul, sum, tensor, type Tensor } from "@tessera/tessera/tensor";
 *
 * const program = makeProgram((x: Tensor) => sum(mul(x, x)))(tensor([1, 2]));
 * equal(String(program), `{ lambda ; a:float32[2] . let
 *     b:float32[2] = mul a a
 *     c:float32[] = sum[axes=[0]] b
 *   in (c) }`);
 * ```
 */
export function makeProgram<Args extends readonly unknown[]>(
  f: (...args: Args) => unknown,
): (...args: Args) => TracedProgram {
  requireFunction("makeProgram", "f", f);
  return (...args) => {
    const { inputs, leaves } = traceOf("makeProgram", f, args);
    const outputs = leaves.map(({ value }) => value).filter((x) => x instanceof Tensor);
    return { inputs, outputs, toString: () => programText(inputs, outputs) };
  };
}
