/** @file Kernels as loops over the elements of matrices, which are turned into the text of each device: what factorizations are written in. */
import type { TensorSpec } from "../spec.ts";
import type { KernelForm } from "./kernel_forms.ts";

/** A whole number: a literal, or the text of an expression. */
export type Whole = number | { readonly whole: string };
/** A float32: a literal, or the text of an expression. */
export type Real = number | { readonly real: string };
/** The text of a condition. */
export interface Condition {
  /** The expression. */
  readonly condition: string;
}
/** The text of statements. */
export interface Statement {
  /** They end with a new line. */
  readonly statement: string;
}

/** Numbers of elements of one matrix in memory: an input by its position, the output, the scratch. */
export type LoopBuffer = number | "output" | "scratch";

/** Numbers from numbers. */
export interface LoopArithmetic {
  /** Sum of whole numbers. */
  plus(a: Whole, b: Whole): Whole;
  /** Difference of whole numbers. */
  minus(a: Whole, b: Whole): Whole;
  /** Product of whole numbers. */
  times(a: Whole, b: Whole): Whole;
  /** Quotient of whole numbers that are not negative. */
  quotient(a: Whole, b: number): Whole;
  /** Remainder of whole numbers that are not negative. */
  rest(a: Whole, b: number): Whole;
  /** `a < b` of whole numbers. */
  below(a: Whole, b: Whole): Condition;
  /** `a == b` of whole numbers. */
  same(a: Whole, b: Whole): Condition;
  /** Both conditions. */
  both(a: Condition, b: Condition): Condition;
  /** Either condition. */
  either(a: Condition, b: Condition): Condition;
  /** One of two whole numbers. */
  choose(condition: Condition, a: Whole, b: Whole): Whole;
  /** Sum. */
  add(a: Real, b: Real): Real;
  /** Difference. */
  sub(a: Real, b: Real): Real;
  /** Product. */
  mul(a: Real, b: Real): Real;
  /** Quotient. */
  div(a: Real, b: Real): Real;
  /** Square root. */
  sqrt(a: Real): Real;
  /** Size. */
  abs(a: Real): Real;
  /** The other sign. */
  neg(a: Real): Real;
  /** `a < b`, false of NaN. */
  less(a: Real, b: Real): Condition;
  /** `a == b`, false of NaN. */
  equal(a: Real, b: Real): Condition;
  /** One of two floats. */
  select(condition: Condition, a: Real, b: Real): Real;
  /** A whole number as a float. */
  real(a: Whole): Real;
  /** A float that is a whole number as one. */
  whole(a: Real): Whole;
}

/**
 * What kernels of matrices are written in. Outside of `each` every invocation computes the same, and reads what all wrote
 * before; within it each has numbers of its own, and writes what no other reads or writes. Bounds of loops around an `each`
 * are literals or variables of loops, as all invocations must come to it together.
 */
export interface LoopWords extends LoopArithmetic {
  /** Reads an element. */
  load(buffer: LoopBuffer, index: Whole): Real;
  /** Writes an element. */
  store(buffer: "output" | "scratch", index: Whole, value: Real): Statement;
  /** Statements in order. */
  block(...statements: readonly Statement[]): Statement;
  /** Names a float, computed once. */
  letReal(value: Real, use: (x: Real) => Statement): Statement;
  /** Names a whole number, computed once. */
  letWhole(value: Whole, use: (x: Whole) => Statement): Statement;
  /** Sums over whole numbers from `from` up to and without `to`, in order. */
  sum(from: Whole, to: Whole, term: (i: Whole) => Real, use: (sum: Real) => Statement): Statement;
  /** The first number from `from` up to and without `to` whose value is largest; NaN is passed over. */
  largest(from: Whole, to: Whole, value: (i: Whole) => Real, use: (at: Whole) => Statement): Statement;
  /** Statements that run where a condition holds; none of them an `each`. */
  when(condition: Condition, then: Statement): Statement;
  /** Runs statements for each number from `from` up to and without `to`, in order. */
  loop(from: Whole, to: Whole, body: (i: Whole) => Statement): Statement;
  /** Runs statements for each number below `count`, shared out among the invocations; not within another. */
  each(count: Whole, body: (i: Whole) => Statement): Statement;
}

/**
 * A part of a kernel. Devices may cut one that is done several times: drivers end what runs too long, and software adapters
 * end loops after 65,535 rounds of all loops of an invocation.
 */
export interface LoopStage {
  /** How often it is done. */
  readonly times: number;
  /** Rounds of loops that one invocation goes through each time, at most. */
  readonly rounds: number;
  /** Writes the statements of the number `at`. */
  readonly body: (w: LoopWords, at: Whole) => Statement;
}

/** Most invocations that work on one matrix. */
export const MOST_INVOCATIONS = 64;

/** How many of `count` things that `width` invocations share out come to one, at most. */
export function shareOf(count: number, width: number): number {
  return Math.ceil(count / Math.max(1, Math.min(MOST_INVOCATIONS, width)));
}

/** A stage that is done once. */
export function once(rounds: number, body: (w: LoopWords) => Statement): LoopStage {
  return { times: 1, rounds, body };
}

/** A kernel that does the same for each matrix of a batch. */
export interface LoopKernel {
  /** How many matrices. */
  readonly matrices: number;
  /** Elements of one matrix of each input, of the output, and of scratch; a scratch of 0 is none. */
  readonly sizes: { readonly inputs: readonly number[]; readonly output: number; readonly scratch: number };
  /** Invocations that find work in an `each`. */
  readonly width: number;
  /** Rough cost of one matrix in operations. */
  readonly cost: number;
  /** What is done for each matrix, in order. */
  readonly stages: readonly LoopStage[];
}

/** Makes the kernel of an operation. */
export type LoopWriter<P> = (inputs: readonly TensorSpec[], output: TensorSpec, params: P) => LoopKernel;

/** The loops of an operation, and what turns them into text. */
export interface MatrixLoops<P> {
  /** Makes the loops. */
  readonly writer: LoopWriter<P>;
  /** Turns them into text, as a kernel whose settings they are. */
  readonly form: KernelForm<LoopKernel>;
}
