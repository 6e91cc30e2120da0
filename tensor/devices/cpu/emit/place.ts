/** @file Where the code of a value stands, and what the writers of a function share. */
import type { Scalar } from "../../../compiler/scalar.ts";

/** Where the code stands: what the axes' indices are called, and which axis the lanes run along. */
export interface Place {
  /** i32 expression of the index of each axis; that of the lane axis is the first lane's. */
  readonly indices: readonly string[];
  /** Axis along which the lanes lie; -1 if there is none. */
  readonly lane: number;
  /** True if every lane holds the element of the first. */
  readonly scalar: boolean;
  /** Elements along the lane axis to add, for unrolled code. */
  readonly shift: number;
}

/** What the writers of a function share. */
export interface SharedText {
  /** Declarations of locals. */
  readonly locals: string[];
  /** Functions called, to be included. */
  readonly calls: Set<string>;
  readonly ids: Map<Scalar, number>;
  /** Locals of constants, by what they hold, to be set before all loops; null where there is no loop. */
  readonly constants: Map<string, string> | null;
}

/** Statements that set the locals of constants: an engine would make each anew wherever it is used. */
export function constantLines({ constants }: Pick<SharedText, "constants">): string {
  return [...constants ?? []].map(([text, name]) => `(local.set ${name} ${text})`).join(" ");
}
