/** @file What transformations take: types of differentiated and traced arguments, and the checks of their leaves. */
import { requireList, shown } from "../errors.ts";
import { type DType, DTYPES } from "../spec.ts";
import { leaf, Tensor } from "../tensor.ts";
import { hostArray } from "../host_values.ts";
import type { Static } from "../static.ts";
import { type IsTree, pathText, type Tree, treeFlatten, treePaths, type TreeStructure } from "../tree.ts";

/** In place of a parameter that is declared as something else than tensors: no argument has this type. */
export interface NotTraced {
  /** What to do. */
  readonly notTraced: "Declare this parameter as Tensor, or name its position in `static` of jit";
}

/** What may be given for a traced parameter that is declared as `T`: a number for each tensor, which is traced too. */
export type Given<T> = unknown extends T ? T : IsTree<T> extends true ? T : KnownGiven<T>;

/** `Given` of a form that is known. */
export type KnownGiven<T> = T extends Tensor ? Tensor | number
  : T extends null ? null
  : T extends undefined ? never // of an optional field: left out, or there
  : T extends number | bigint | boolean | string | symbol | ((...args: never) => unknown) ? NotTraced
  : T extends Static ? T
  : { [Key in keyof T]: Given<T[Key]> };

/** The tree of gradients for an argument of type `T`: a tensor for each tensor or number. */
export type Gradient<T> = unknown extends T ? Tree : IsTree<T> extends true ? Tree : KnownGradient<T>;

/** `Gradient` of a form that is known. */
export type KnownGradient<T> = T extends Tensor | number ? Tensor
  : T extends null ? null
  : T extends undefined | bigint | boolean | string | symbol | ((...args: never) => unknown) ? never
  : T extends Static ? T
  : { [Key in keyof T]: Gradient<T[Key]> };

/** What a pullback takes for a value of type `T`: `null` for zero, a number for a scalar. */
export type Cotangent<T> = unknown extends T ? unknown : IsTree<T> extends true ? Tree : KnownCotangent<T>;

/** `Cotangent` of a form that is known. */
export type KnownCotangent<T> = T extends Tensor ? Tensor | number | null
  : T extends null | undefined | number | bigint | boolean | string | symbol | ((...args: never) => unknown) ? T | null
  : T extends Static ? T
  : { [Key in keyof T]: Cotangent<T[Key]> };

/** Keys of the positions in a list, as they stand in types of arguments. */
export type KeysOf<Positions extends number | readonly number[]> = Positions extends number ? `${Positions}`
  : Positions extends readonly number[] ? `${Positions[number]}`
  : never;

/** The arguments of a function whose parameters at `Positions` are traced, the others being as declared. */
export type TracedAt<Args extends readonly unknown[], Positions extends number | readonly number[]> = {
  [Place in keyof Args]: Place extends KeysOf<Positions> ? Given<Args[Place]> : Args[Place];
};

/** The arguments of a function whose parameters are traced, those at `Static` being as declared. */
export type TracedBut<Args extends readonly unknown[], Static extends readonly number[]> = {
  [Place in keyof Args]: Place extends KeysOf<Static> ? Args[Place] : Given<Args[Place]>;
};

/** Gradients of the arguments at `Positions`: one, or a list if `Positions` is one. */
export type GradientsAt<Args extends readonly unknown[], Positions extends number | readonly number[]> =
  Positions extends number ? Gradient<Args[Positions]>
    : { [Place in keyof Positions]: Positions[Place] extends number ? Gradient<Args[Positions[Place]]> : never };

/** The scalar that a number stands for: a leaf, so that another value is the same program. */
export function tracedScalar(x: Tensor | number, dtype: DType): Tensor {
  return x instanceof Tensor ? x : leaf({ shape: [], dtype }, { host: hostArray([x], dtype) });
}

/** The class of a traced number: the cache of a program knows it, not the value. */
function classOf(x: number): DType {
  if (!Number.isInteger(x) || Object.is(x, -0)) return "float32";
  if (x === (x | 0)) return "int32";
  return x === x >>> 0 ? "uint32" : "float32";
}

/** What a leaf of a traced argument is to the program: a tensor, or a scalar of the class of a number. */
export function tracedLeaf(operation: string, { name, value }: NamedLeaf, remedy = ""): Tensor | null {
  if (value === null || value instanceof Tensor) return value;
  if (typeof value === "number") return tracedScalar(value, classOf(value));
  throw new TypeError(
    `Cannot ${operation} as leaves of traced arguments must be tensors, numbers or null: current ${name()} is ` +
      `${shown(value)}${remedy}`,
  );
}

/** Refuses results of a traced function that are neither tensors nor plain values. */
export function checkTraced(operation: string, { name, value }: NamedLeaf): void {
  if (value instanceof Tensor || value === null || (typeof value !== "object" && typeof value !== "function")) return;
  throw new TypeError(
    `Cannot ${operation} as results must be tensors or plain values: current ${name()} is ${shown(value)}`,
  );
}

/** One leaf, and its name for messages. */
export interface NamedLeaf {
  readonly value: unknown;
  name(): string;
}

/**
 * Takes an argument apart and names its leaves.
 *
 * @param root Name of the argument, such as `argument 0`.
 * @param tree The argument.
 * @returns Named leaves, and the structure.
 */
export function namedLeaves<T>(
  root: string,
  tree: T,
): { readonly leaves: readonly NamedLeaf[]; readonly structure: TreeStructure<T> } {
  const { leaves, structure } = treeFlatten(tree);
  return { leaves: leaves.map((value, i) => ({ value, name: () => pathText(root, treePaths(tree)[i]!) })), structure };
}

/** Refuses positions that are no positions. */
export function checkPositions(operation: string, option: string, positions: readonly number[], count?: number): void {
  requireList(operation, option, positions);
  const bad = positions.find((at, i) =>
    !Number.isInteger(at) || at < 0 || positions.indexOf(at) !== i || (count !== undefined && at >= count)
  );
  if (bad === undefined) return;
  const range = count === undefined
    ? "positions of arguments, counted from 0, each once"
    : `below the ${count} arguments given`;
  throw new RangeError(`Cannot ${operation} as ${option} must be ${range}: current ${option} is ${bad}`);
}

/** A function of its arguments at some positions, the others being fixed. */
export interface Restricted {
  /** Takes one tree for each position. */
  readonly inner: (...primals: unknown[]) => unknown;
  /** What stands at the positions. */
  readonly primals: readonly unknown[];
  /** Names of them, for messages. */
  readonly names: readonly string[];
}

/** Fixes the arguments of a function but for those at some positions. */
export function restricted(
  operation: string,
  f: (...args: unknown[]) => unknown,
  argnums: number | readonly number[],
  args: readonly unknown[],
): Restricted {
  const positions = typeof argnums === "number" ? [argnums] : argnums;
  checkPositions(operation, "argnums", positions, args.length);
  const inner = (...primals: unknown[]) => {
    const all = [...args];
    positions.forEach((position, i) => all[position] = primals[i]);
    return f(...all);
  };
  return { inner, primals: positions.map((at) => args[at]), names: positions.map((at) => `argument ${at}`) };
}

/** True of tensors that have gradients. */
export function isDifferentiable(x: unknown): x is Tensor {
  return x instanceof Tensor && DTYPES[x.dtype].floating;
}

/** Refuses leaves that cannot be differentiated: all but floating tensors, numbers, and `null` for what is not there. */
export function checkDifferentiable(operation: string, { name, value }: NamedLeaf): void {
  if (value === null || typeof value === "number") return;
  if (!(value instanceof Tensor)) {
    throw new TypeError(
      `Cannot ${operation} as leaves of differentiated arguments must be floating tensors: current ${name()} is ` +
        `${shown(value)}; pass it as another argument`,
    );
  }
  if (DTYPES[value.dtype].floating) return;
  throw new TypeError(
    `Cannot ${operation} as tensors of differentiated arguments must be floating: current dtype is ${value.dtype} ` +
      `of ${name()}; pass it as another argument`,
  );
}
