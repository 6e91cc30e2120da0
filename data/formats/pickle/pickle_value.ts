/** @file Python values that have no counterpart here, as the pickle reader gives and the writer takes them. */

/**
 * A Python tuple. Lists are arrays, dictionaries are maps.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { PickleTuple } from "@tessera/tessera/data";
 *
 * equal(new PickleTuple([0.9, 0.999]).items.length, 2);
 * ```
 */
export class PickleTuple {
  /** What it holds. */
  readonly items: readonly unknown[];

  /**
   * Wraps the items.
   *
   * @param items Any values.
   */
  constructor(items: readonly unknown[]) {
    this.items = items;
  }
}

/**
 * A number to be written as a Python float even where it is an integer. Readers give plain numbers.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { decodePickle, encodePickle, PickleFloat } from "@tessera/tessera/data";
 *
 * deepStrictEqual(decodePickle(encodePickle(new PickleFloat(1))), 1);
 * ```
 */
export class PickleFloat {
  /** The number. */
  readonly value: number;

  /**
   * Wraps a number.
   *
   * @param value Any number.
   */
  constructor(value: number) {
    this.value = value;
  }
}

/** A Python class or function by name. It is a name only: nothing is ever looked up or run. */
export class PickleGlobal {
  /** Module and name, such as `collections.OrderedDict`. */
  readonly name: string;

  /**
   * Wraps a name.
   *
   * @param name Module and name, with a dot between.
   */
  constructor(name: string) {
    this.name = name;
  }
}

/** A call of a Python class or function, to be written. */
export class PickleCall {
  /** Module and name of the callee. */
  readonly global: string;
  /** Arguments. */
  readonly args: readonly unknown[];
  /** Items that are set on the result. */
  readonly items: ReadonlyMap<unknown, unknown>;
  /** State of the result, `undefined` if none. */
  readonly state: unknown;

  /**
   * Describes a call.
   *
   * @param global Module and name of the callee.
   * @param args Arguments.
   * @param rest Items and state of the result.
   */
  constructor(
    global: string,
    args: readonly unknown[],
    rest: { readonly items?: ReadonlyMap<unknown, unknown>; readonly state?: unknown } = {},
  ) {
    this.global = global;
    this.args = args;
    this.items = rest.items ?? new Map();
    this.state = rest.state;
  }
}

/** A persistent id to be written: what stands for a value outside of the pickle. */
export class PicklePersistent {
  /** The id. */
  readonly id: unknown;

  /**
   * Wraps an id.
   *
   * @param id Any value.
   */
  constructor(id: unknown) {
    this.id = id;
  }
}

/**
 * An object of a Python class that has no counterpart here, as a value that does nothing: its class is a name, neither
 * looked up nor called. What a pickle says of it is kept.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { decodePickle, encodePickle, PickleCall, PickleObject } from "@tessera/tessera/data";
 *
 * const value = decodePickle(encodePickle(new PickleCall("torch.device", ["cuda", 0])));
 * equal(value instanceof PickleObject && value.name, "torch.device");
 * ```
 */
export class PickleObject implements PickleBuildable {
  /** Module and name of its class, or of the function that would make it. */
  readonly name: string;
  /** Arguments of the call. */
  readonly args: readonly unknown[];
  /** Items, of what is like a dictionary. */
  readonly items: Map<unknown, unknown> = new Map();
  /** Elements, of what is like a list or a set. */
  readonly elements: unknown[] = [];
  /** Its attributes, mostly a map; `undefined` if none are given. */
  state: unknown = undefined;

  /**
   * Makes an object without state.
   *
   * @param name Module and name of its class.
   * @param args Arguments of the call.
   */
  constructor(name: string, args: readonly unknown[] = []) {
    this.name = name;
    this.args = args;
  }

  /**
   * Takes attributes in.
   *
   * @param state Any value.
   */
  setState(state: unknown): void {
    this.state = state;
  }
}

/** A value whose state the reader may set after making it (Python's `__setstate__`). */
export interface PickleBuildable {
  /** Takes the state in. */
  setState(state: unknown): void;
}

/**
 * Writes a Python dictionary that keeps its order as a class of its own, as PyTorch writes state dicts.
 *
 * @param items What it holds.
 * @returns A value for `encodePickle`.
 *
 * @example Usage
 * ```ts
 * import { equal } from "node:assert/strict";
 * import { orderedDict } from "@tessera/tessera/data";
 *
 * equal(orderedDict(new Map([["epoch", 1]])).global, "collections.OrderedDict");
 * ```
 */
export function orderedDict(items: ReadonlyMap<unknown, unknown>): PickleCall {
  return new PickleCall("collections.OrderedDict", [], { items });
}
