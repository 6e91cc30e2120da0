import { orderBy } from "../order.ts";
import type { DType } from "../spec.ts";
import { know } from "./expansions/applied.ts";
import type { ComposedOp } from "./expansions/words.ts";
import { operationOf, type PlainOp, type ScalarOp } from "./operations.ts";

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
 * @param op The operation: the name of one that devices write, or a composed one, which brings what it is made of.
 * @param args Its operands, of one dtype (`select`: bool first).
 * @returns The expression.
 */
export function op(op: PlainOp | ComposedOp, ...args: readonly Scalar[]): Scalar {
  if (typeof op === "string") return applyOp(op, args);
  know(op);
  return applyOp(op.name, args);
}

/** Applies an operation by its name: a composed one must be known. */
export function applyOp(op: ScalarOp, args: readonly Scalar[]): Scalar {
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

const NONE: readonly Scalar[] = [];

/** Expressions that one is made of. */
export function operandsOf(x: Scalar): readonly Scalar[] {
  if (x.kind === "op") return x.args;
  if (x.kind === "guard") return [x.value];
  return x.kind === "gather" ? [x.index] : NONE;
}

/** Those of them that are read whatever their values are: what is under a guard or is rarely needed is code of its own. */
export function alwaysRead(x: Scalar): readonly Scalar[] {
  if (x.kind === "guard") return [];
  return x.kind === "op" && x.op === "rarely" ? [x.args[0]!, x.args[2]!] : operandsOf(x);
}

/** Visits each node of an expression once, after its operands. */
export function visitScalars(roots: readonly Scalar[], visit: (x: Scalar) => void): void {
  orderBy(roots, operandsOf).forEach(visit);
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
  const rebuilt = (x: Scalar) => done.get(x)!;
  const withOperands = (x: Scalar): Scalar => {
    if (x.kind === "op") return { ...x, args: x.args.map(rebuilt) };
    if (x.kind === "guard") return { ...x, value: rebuilt(x.value) };
    return x.kind === "gather" ? { ...x, index: rebuilt(x.index) } : x;
  };
  visitScalars(roots, (x) => done.set(x, change(withOperands(x))));
  return roots.map(rebuilt);
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

/** Number of different nodes in expressions. */
export function countNodes(roots: readonly Scalar[]): number {
  let count = 0;
  visitScalars(roots, () => count++);
  return count;
}
