import type { DType } from "../spec.ts";
import { operationOf, type ScalarOp } from "./operations.ts";

/** Where an element of a buffer lies, as a function of the iteration indices of a kernel. */
export interface Access {
  /** Position of the buffer in the kernel's list of inputs. */
  readonly buffer: number;
  /** Elements to step for each iteration axis; 0 repeats. */
  readonly strides: readonly number[];
  /** First element. */
  readonly offset: number;
}

/** Holds where `0 <= Σ coefficients[axis]·index[axis] + offset < extent`. */
export interface Bound {
  /** One per iteration axis. */
  readonly coefficients: readonly number[];
  /** Constant term. */
  readonly offset: number;
  /** Exclusive upper bound. */
  readonly extent: number;
}

/** A scalar expression over the iteration indices. Shared nodes are one object: emitters compute each once. */
export type Scalar =
  /** A literal; `value` of a bool is 0 or 1. */
  | { readonly kind: "const"; readonly dtype: DType; readonly value: number }
  /** Element of an input buffer. */
  | { readonly kind: "load"; readonly dtype: DType; readonly access: Access }
  /** Element at `access.offset + Σ strides·index + axisStride·index`; `fill` where index is outside [0, extent). */
  | {
    readonly kind: "gather";
    readonly dtype: DType;
    readonly access: Access;
    /** int32 expression. */
    readonly index: Scalar;
    readonly axisStride: number;
    readonly extent: number;
    readonly fill: number;
  }
  /** `Σ coefficients[axis]·index[axis] + offset` as an int32 (the value of iota). */
  | {
    readonly kind: "index";
    readonly dtype: "int32";
    readonly coefficients: readonly number[];
    readonly offset: number;
  }
  /** `value` where every bound holds, else the literal `fill`. Loads below must not be executed where a bound fails. */
  | {
    readonly kind: "guard";
    readonly dtype: DType;
    readonly bounds: readonly Bound[];
    readonly value: Scalar;
    readonly fill: number;
  }
  /** An operation on values. `select` takes (bool, whenTrue, whenFalse). */
  | { readonly kind: "op"; readonly dtype: DType; readonly op: ScalarOp; readonly args: readonly Scalar[] };

/**
 * Applies an operation; the dtype is that of the last argument, or `bool` if the operation tells.
 *
 * @param op The operation.
 * @param args Its operands, of one dtype (`select`: bool first).
 * @returns The expression.
 */
export function op(op: ScalarOp, ...args: readonly Scalar[]): Scalar {
  return { kind: "op", op, args, dtype: operationOf(op).tells ? "bool" : args.at(-1)!.dtype };
}

/**
 * Makes a literal.
 *
 * @param value The number.
 * @param dtype Its dtype.
 * @returns The expression.
 */
export function literal(value: number, dtype: DType): Scalar {
  return { kind: "const", value, dtype };
}

/**
 * Converts a value, rounding towards zero from float to integer, and to 0 or 1 for bool.
 *
 * @param x The value.
 * @param dtype The dtype of the result.
 * @returns The expression.
 */
export function cast(x: Scalar, dtype: DType): Scalar {
  return x.dtype === dtype ? x : { kind: "op", op: "cast", args: [x], dtype };
}

/** Visits each node of an expression once. */
export function visitScalars(roots: readonly Scalar[], visit: (x: Scalar) => void): void {
  const seen = new Set<Scalar>();
  const walk = (x: Scalar): void => {
    if (seen.has(x)) return;
    seen.add(x);
    if (x.kind === "op") x.args.forEach(walk);
    if (x.kind === "guard") walk(x.value);
    if (x.kind === "gather") walk(x.index);
    visit(x);
  };
  roots.forEach(walk);
}

/**
 * Rebuilds expressions; shared nodes stay shared.
 *
 * @param roots The expressions.
 * @param change Gives the node to put in place of one whose operands are rebuilt already.
 * @returns The new expressions.
 */
export function mapScalars(roots: readonly Scalar[], change: (x: Scalar) => Scalar): readonly Scalar[] {
  const done = new Map<Scalar, Scalar>();
  const walk = (x: Scalar): Scalar => {
    const known = done.get(x);
    if (known) return known;
    const next = change(
      x.kind === "op"
        ? { ...x, args: x.args.map(walk) }
        : x.kind === "guard"
        ? { ...x, value: walk(x.value) }
        : x.kind === "gather"
        ? { ...x, index: walk(x.index) }
        : x,
    );
    done.set(x, next);
    return next;
  };
  return roots.map(walk);
}

/** Rebuilds expressions that read other positions of a list of inputs. */
export function renumberBuffers(
  roots: readonly Scalar[],
  positions: ReadonlyMap<number, number>,
): readonly Scalar[] {
  return mapScalars(
    roots,
    (x) =>
      x.kind === "load" || x.kind === "gather"
        ? { ...x, access: { ...x.access, buffer: positions.get(x.access.buffer)! } }
        : x,
  );
}
