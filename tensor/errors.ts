import type { Shape } from "./spec.ts";
import { isPlain } from "./text_of.ts";

/**
 * Thrown when shapes do not fit an operation, before anything is computed.
 *
 * @example Usage
 * ```ts
 * import { throws } from "node:assert/strict";
 * import { add, ones, ShapeError } from "@tessera/tessera/tensor";
 *
 * throws(() => add(ones([2]), ones([3])), ShapeError);
 * ```
 */
export class ShapeError extends TypeError {
  /** Name of the operation that was refused. */
  readonly operation: string;
  /** Shapes that were given, in the order of the operands. */
  readonly shapes: readonly Shape[];

  /**
   * Builds `Cannot <operation> as <requirement>: current shapes are <given shapes>`.
   *
   * @param operation Field-standard name, such as `"matmul"`.
   * @param requirement What must hold, in words, such as `"the inner sizes must be equal"`.
   * @param shapes Shapes that were given.
   */
  constructor(operation: string, requirement: string, shapes: readonly Shape[]) {
    const given = shapes.map((shape) => `[${shape.join(", ")}]`).join(" and ");
    const noun = shapes.length === 1 ? "shape is" : "shapes are";
    super(`Cannot ${operation} as ${requirement}: current ${noun} ${given}`);
    this.name = "ShapeError";
    this.operation = operation;
    this.shapes = shapes;
  }
}

/**
 * Thrown when a device cannot do what was asked: no adapter, lost device, out of memory, dtype it does not hold.
 *
 * @example Usage
 * ```ts
 * import { ok } from "node:assert/strict";
 * import { DeviceError } from "@tessera/tessera/tensor";
 *
 * ok(new DeviceError("webgpu", "Cannot open webgpu as there must be an adapter: current adapter is null") instanceof Error);
 * ```
 */
export class DeviceError extends Error {
  /** Name of the device. */
  readonly device: string;

  /**
   * Builds the error.
   *
   * @param device Name of the device.
   * @param message `Cannot <operation> as <requirement>: current <thing> is <value>`, with what to do.
   * @param options As of `Error`.
   */
  constructor(device: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "DeviceError";
    this.device = device;
  }
}

/**
 * What a value is, in an error: numbers and the like as they are written, objects by their class.
 *
 * @param value Anything.
 * @returns Short text.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { shown } from "@tessera/tessera/tensor/kernel";
 *
 * deepStrictEqual([shown("1"), shown(null), shown([1, 2])], ['"1"', "null", "an array of length 2"]);
 * ```
 */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return `a function`;
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return `an array of length ${value.length}`;
  const name = value.constructor?.name ?? "object";
  return name === "Object" ? "an object" : `a ${name}`;
}

/**
 * Refuses an argument of another kind, saying what it is.
 *
 * @param operation What is refused, for the error.
 * @param argument Name of the argument, for the error.
 * @param given What was given.
 * @param fits Whether it is of the kind.
 * @param kind The kind, in words that follow "must be".
 * @throws {TypeError} If it does not fit.
 *
 * @example Usage
 * ```ts
 * import { throws } from "node:assert/strict";
 * import { requireKind } from "@tessera/tessera/tensor/kernel";
 *
 * const refused = () => requireKind("scan", "f", 3, false, "a function");
 * throws(refused, { message: "Cannot scan as f must be a function: current f is 3" });
 * ```
 */
export function requireKind(operation: string, argument: string, given: unknown, fits: boolean, kind: string): void {
  if (!fits) {
    throw new TypeError(`Cannot ${operation} as ${argument} must be ${kind}: current ${argument} is ${shown(given)}`);
  }
}

/**
 * Refuses what is no function.
 *
 * @param operation What is refused, for the error.
 * @param argument Name of the argument, for the error.
 * @param f What was given.
 * @throws {TypeError} If it is no function.
 *
 * @example Usage
 * ```ts
 * import { throws } from "node:assert/strict";
 * import { requireFunction } from "@tessera/tessera/tensor/kernel";
 *
 * throws(() => requireFunction("scan", "f", null), /Cannot scan as f must be a function: current f is null/);
 * ```
 */
export function requireFunction(operation: string, argument: string, f: unknown): void {
  requireKind(operation, argument, f, typeof f === "function", "a function");
}

/**
 * Refuses what is no array; a typed array is none, as its methods give typed arrays again.
 *
 * @param operation What is refused, for the error.
 * @param argument Name of the argument, for the error.
 * @param list What was given.
 * @throws {TypeError} If it is no array.
 *
 * @example Usage
 * ```ts
 * import { throws } from "node:assert/strict";
 * import { requireList } from "@tessera/tessera/tensor/kernel";
 *
 * throws(() => requireList("tile", "times", 2), /Cannot tile as times must be a list: current times is 2/);
 * ```
 */
export function requireList(operation: string, argument: string, list: unknown): void {
  requireKind(operation, argument, list, Array.isArray(list), "a list");
}

/** The names of the options of a record, each of them: one that is added to the type and not here does not compile. */
export type OptionNames<Options> = Readonly<Record<keyof Options, true>>;

/**
 * Refuses options that are no record, such as an axis in their place, and names that mean nothing, such as a misspelt one.
 *
 * @param operation What is done with them.
 * @param options What was given.
 * @param names Those that mean something.
 * @throws {TypeError} If they are no record, or have another name.
 *
 * @example Usage
 * ```ts
 * import { throws } from "node:assert/strict";
 * import { requireOptions } from "@tessera/tessera/tensor/kernel";
 *
 * throws(() => requireOptions("blur", 3, { radius: true }), /Cannot blur as options must be a record/);
 * const misspelt: object = { radios: 3 };
 * throws(() => requireOptions("blur", misspelt, { radius: true }), /must be among radius: current option is radios/);
 * ```
 */
export function requireOptions(operation: string, options: unknown, names: Readonly<Record<string, true>>): void {
  if (typeof options !== "object" || options === null || !isPlain(options)) {
    throw new TypeError(
      `Cannot ${operation} as options must be a record such as { ${Object.keys(names)[0]}: … }: current options are ${
        shown(options)
      }`,
    );
  }
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(names, name)) continue;
    throw new TypeError(
      `Cannot ${operation} as its options must be among ${Object.keys(names).join(", ")}: current option is ${name}`,
    );
  }
}
