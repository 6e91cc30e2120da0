/** @file The entries as rows of the table call them: the first call of each function is kept, so that tests can call it otherwise. */
import * as neural from "../../nn/mod.ts";
import * as grids from "../../sparse/mod.ts";
import * as tensors from "../../tensor/mod.ts";

/** A call of a public function. */
export interface Call {
  /** The function itself. */
  readonly f: (...args: unknown[]) => unknown;
  /** What it was given. */
  readonly args: readonly unknown[];
}

/** Namespaces within an entry: `random`, `linalg`. */
const isNamespace = (value: unknown) => Object.prototype.toString.call(value) === "[object Module]";

/** Entries whose functions keep their first call from outside, by name. */
function recorder(): {
  readonly calls: Map<string, Call>;
  readonly recorded: <E extends object>(prefix: string, entry: E) => E;
} {
  const calls = new Map<string, Call>();
  let depth = 0;
  const kept = (name: string, f: Call["f"]): Call["f"] => (...args) => {
    if (depth === 0 && !calls.has(name)) calls.set(name, { f, args });
    depth++;
    try {
      return f(...args);
    } finally {
      depth--;
    }
  };
  const recorded = <E extends object>(prefix: string, entry: E): E => {
    const wrapped = Object.entries(entry).map(([name, value]) => {
      if (isNamespace(value)) return [name, recorded(`${prefix}${name}.`, value as object)];
      return [name, typeof value === "function" && /^[a-z]/.test(name) ? kept(prefix + name, value) : value];
    });
    return Object.fromEntries(wrapped) as E;
  };
  return { calls, recorded };
}

const ENTRIES = recorder();
/** Calls that were made so far, by name. */
export const calls: ReadonlyMap<string, Call> = ENTRIES.calls;
const { recorded } = ENTRIES;

/** The entry `tensor`. */
export const t: typeof tensors = recorded("", tensors);
/** The entry `nn`. */
export const nn: typeof neural = recorded("nn.", neural);
/** The entry `sparse`. */
export const sparse: typeof grids = recorded("sparse.", grids);
