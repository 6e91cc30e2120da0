import { orderBy } from "../../../order.ts";
import { operandsOf, type Scalar } from "../../../compiler/scalar.ts";

const variation = new WeakMap<Scalar, Map<number, boolean>>();

/** Tells whether a value depends on the index of an axis. Documented cache by expression. */
export function varies(x: Scalar, axis: number): boolean {
  if (axis < 0 || x.kind === "const") return false;
  const known = (y: Scalar) => variation.get(y)?.get(axis);
  for (const y of orderBy<Scalar>([x], (y) => known(y) === undefined ? operandsOf(y) : [])) {
    if (known(y) !== undefined) continue;
    const memo = variation.get(y) ?? new Map<number, boolean>();
    variation.set(y, memo.set(axis, variesItself(y, axis) || operandsOf(y).some(known)));
  }
  return known(x)!;
}

/** True if a value depends on the index of an axis by more than its operands. */
function variesItself(x: Scalar, axis: number): boolean {
  if (x.kind === "load" || x.kind === "gather") return x.access.strides[axis] !== 0;
  if (x.kind === "index") return x.coefficients[axis] !== 0;
  return x.kind === "guard" && x.bounds.some((bound) => bound.coefficients[axis] !== 0);
}
