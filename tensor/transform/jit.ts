import { defaultDevice, type Device, type Executable, type ExecutableStats } from "../device.ts";
import { leaf, leafSource, placeholder, realize, Tensor } from "../tensor.ts";
import { textOf } from "../text_of.ts";
import { type Tree, treeFlatten, type TreeStructure, treeUnflatten } from "../tree.ts";

/** Options of `jit`. */
export interface JitOptions {
  /** Positions of arguments whose memory may be overwritten: they must not be used afterwards. */
  readonly donate?: readonly number[];
  /** Where to run; the default device at the time of the call if not named. */
  readonly device?: Device;
}

/** A compiled function. */
export interface Jitted<F> {
  /** Calls it. */
  (...args: Parameters<Extract<F, (...args: Tree[]) => Tree>>): ReturnType<Extract<F, (...args: Tree[]) => Tree>>;
  /** What a call with such arguments costs; compiles if need be, runs nothing. */
  stats(...args: Parameters<Extract<F, (...args: Tree[]) => Tree>>): ExecutableStats;
  /** Compiles all that a call with such arguments needs, side by side where the device can; the call then only runs. */
  prepare(...args: Parameters<Extract<F, (...args: Tree[]) => Tree>>): Promise<ExecutableStats>;
}

/** One compilation: for arguments of one structure, one set of specs and one set of static values. */
interface Entry {
  readonly executable: Executable;
  readonly structure: TreeStructure;
  /** Leaves of the result that are not tensors; `undefined` where a tensor goes. */
  readonly constants: readonly unknown[];
  readonly isTensor: readonly boolean[];
}

/**
 * Compiles a function: it is traced once per combination of shapes, dtypes and static arguments, and replayed after.
 *
 * @param f A pure function of trees. Leaves that are not tensors are static: they take part in the cache key.
 * @param options Donation and device.
 * @returns The compiled function. Results hold device memory; the call returns when the work is queued.
 * @throws {TypeError} At the call, if `f` reads values of a traced tensor.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { add, jit, mul, type Tensor, tensor } from "@tessera/tessera/tensor";
 *
 * const f = jit((x: Tensor, y: Tensor) => add(mul(x, y), 1));
 * deepStrictEqual(await f(tensor([1, 2]), tensor([3, 4])).data(), new Float32Array([4, 9]));
 * ```
 */
// deno-lint-ignore no-explicit-any
export function jit<F extends (...args: any[]) => any>(f: F, options: JitOptions = {}): Jitted<F> {
  const caches = new WeakMap<Device, Map<string, Entry>>();
  const entryFor = (args: Tree[], device: Device) => {
    const { leaves, structure } = treeFlatten(args);
    const key = textOf([structure, leaves.map(keyOf)]);
    const cache = caches.get(device) ?? new Map<string, Entry>();
    caches.set(device, cache);
    const entry = cache.get(key) ?? trace(f, args, device, options.donate ?? []);
    cache.set(key, entry);
    return { entry, leaves: leaves.filter((x) => x instanceof Tensor) };
  };
  const call = (...args: Tree[]) => {
    // Inside another trace the function is inlined.
    if (treeFlatten(args).leaves.some((x) => x instanceof Tensor && x.traced)) return f(...args);
    const device = options.device ?? defaultDevice();
    const { entry, leaves } = entryFor(args, device);
    return runEntry(entry, leaves, device);
  };
  const executableFor = (args: Tree[]) => entryFor(args, options.device ?? defaultDevice()).entry.executable;
  const stats = (...args: Tree[]) => executableFor(args).stats;
  const prepare = async (...args: Tree[]) => {
    const executable = executableFor(args);
    await executable.ready?.();
    return executable.stats;
  };
  return Object.assign(call, { stats, prepare }) as unknown as Jitted<F>;
}

function keyOf(x: unknown): unknown {
  if (x instanceof Tensor) return [x.dtype, x.shape];
  if (typeof x === "function" || typeof x === "symbol" || (typeof x === "object" && x !== null)) {
    throw new TypeError(
      `Cannot jit as leaves of arguments must be tensors or plain values: current leaf is ${String(x)}`,
    );
  }
  return { static: x };
}

// deno-lint-ignore no-explicit-any
function trace(f: (...args: any[]) => any, args: Tree[], device: Device, donate: readonly number[]): Entry {
  const inputs: Tensor[] = [];
  const donated = new Set<number>();
  const traced = args.map((arg, position) => {
    const { leaves, structure } = treeFlatten(arg);
    const standIns = leaves.map((x) => {
      if (!(x instanceof Tensor)) return x;
      if (donate.includes(position)) donated.add(inputs.length);
      inputs.push(placeholder(x));
      return inputs.at(-1)!;
    });
    return treeUnflatten(structure, standIns);
  });
  const { leaves, structure } = treeFlatten(f(...traced));
  const outputs = leaves.filter((x) => x instanceof Tensor);
  return {
    executable: device.compile({ inputs, outputs, donated }),
    structure,
    constants: leaves.map((x) => x instanceof Tensor ? undefined : x),
    isTensor: leaves.map((x) => x instanceof Tensor),
  };
}

function runEntry(
  { executable, structure, constants, isTensor }: Entry,
  args: readonly Tensor[],
  device: Device,
): Tree {
  const lazy = args.filter((x) => leafSource(x) === undefined);
  const buffers = new Map(realize(lazy, device).map((buffer, i) => [lazy[i]!, buffer]));
  const inputs = args.map((x) => buffers.has(x) ? leaf(x, { buffer: buffers.get(x)! }) : x);
  const results = executable.run(inputs).map((buffer) => leaf(buffer.spec, { buffer }));
  let next = 0;
  return treeUnflatten(structure, constants.map((constant, i) => isTensor[i] ? results[next++] : constant));
}
