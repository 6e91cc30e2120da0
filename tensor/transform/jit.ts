/** @file Functions that are traced once for each form of their arguments, and replayed after. */
import { requireFunction, requireOptions } from "../errors.ts";
import { type Device, deviceOf, type Executable, type ExecutableStats } from "../device.ts";
import { topologicalOrder } from "../order.ts";
import { leaf, leafSource, placeholder, realize, Tensor } from "../tensor.ts";
import { textOf } from "../text_of.ts";
import { type TreeStructure, treeUnflatten } from "../tree.ts";
import { checkPositions, checkTraced, namedLeaves, type TracedBut, tracedLeaf } from "./arguments.ts";
import { isInside, runInside } from "./running.ts";

/** Options of `jit`. */
export interface JitOptions<Static extends readonly number[] = readonly number[]> {
  /** Positions of arguments whose memory may be overwritten: they must not be used afterwards. */
  readonly donate?: readonly number[];
  /**
   * Positions of arguments that are plain values, such as a number of layers or a flag: the function sees them as they
   * are, and is compiled anew for each value.
   */
  readonly static?: Static;
  /** Where to run; the default device at the time of the call if not named. */
  readonly device?: Device;
}

/** A compiled function of the signature of `F`, which takes numbers for tensors. */
export interface Jitted<F extends (...args: never) => unknown, Static extends readonly number[] = []> {
  /** Calls it. */
  (...args: TracedBut<Parameters<F>, Static>): ReturnType<F>;
  /** What a call with such arguments costs; compiles if need be, runs nothing. */
  stats(...args: TracedBut<Parameters<F>, Static>): ExecutableStats;
  /** Compiles all that a call with such arguments needs, side by side where the device can; the call then only runs. */
  prepare(...args: TracedBut<Parameters<F>, Static>): Promise<ExecutableStats>;
}

/** How many compilations a jitted function keeps on a device; the one that was not used for longest is dropped first. */
const CACHE_SIZE = 64;

/** One compilation: for arguments of one structure, one set of specs and one set of static values. */
interface Entry {
  readonly executable: Executable;
  readonly structure: TreeStructure;
  /** Leaves of the result that are not tensors; `undefined` where a tensor goes. */
  readonly constants: readonly unknown[];
  readonly isTensor: readonly boolean[];
}

/** Arguments of one call: what is traced, as tensors, and what is static. */
interface Call {
  readonly args: readonly Argument[];
  readonly key: string;
}

type Argument =
  | { readonly static: unknown }
  | { readonly structure: TreeStructure; readonly leaves: readonly (Tensor | null)[] };

function readCall(args: readonly unknown[], isStatic: (position: number) => boolean): Call {
  const parts = args.map((arg, position): Argument => {
    if (isStatic(position)) return { static: arg };
    const { leaves, structure } = namedLeaves(`argument ${position}`, arg);
    return {
      structure,
      leaves: leaves.map((leaf) => tracedLeaf("jit", leaf, "; name the position of a plain argument in `static`")),
    };
  });
  const key = parts.map((part) =>
    "static" in part ? `static ${textOf(part.static)}` : `${structureText(part.structure)} ${part.leaves.map(specText)}`
  );
  return { args: parts, key: key.join("\n") };
}

function specText(x: Tensor | null): string {
  return x === null ? "null" : `${x.dtype}[${x.shape}]`;
}

/** Equal for structures that differ in the order of keys only. */
function structureText(node: TreeStructure): string {
  if (node.kind === "leaf") return "*";
  if (node.kind === "static") return `=${textOf(node.value.value)}`;
  if (node.kind === "array") return `[${node.items.map(structureText)}]`;
  return `{${node.keys.map((key, i) => `${JSON.stringify(key)}:${structureText(node.items[i]!)}`).sort()}}`;
}

function tensorsOf({ args }: Call): readonly Tensor[] {
  return args.flatMap((arg) => "static" in arg ? [] : arg.leaves.filter((x) => x !== null));
}

/**
 * Compiles a function: it is traced once per combination of shapes, dtypes and static arguments, and replayed after.
 * Called while something is differentiated, mapped or traced, it becomes a part of that. Each function keeps its 64
 * compilations used last on a device.
 *
 * @param f A pure function of trees of tensors. A number given for a tensor is traced as a scalar of its class, int32,
 * uint32 or float32, so that another value compiles nothing; `null` stands for what is not there.
 * @param options Donation, static arguments, device.
 * @returns The compiled function. Results hold device memory until they are collected or given back with `using` or
 * `[Symbol.dispose]()`, donated arguments as soon as the call returns; the call returns when the work is queued.
 * @throws {TypeError} At the call, if a traced argument holds anything but tensors, numbers and `null`, naming it; if `f`
 * reads values of a traced tensor or uses operators on it; if it uses a tensor of a trace that has ended.
 * @throws {RangeError} If a position of `static` or `donate` is negative or no integer.
 *
 * @example Usage
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { add, jit, mul, type Tensor, tensor } from "@tessera/tessera/tensor";
 *
 * const f = jit((x: Tensor, y: Tensor) => add(mul(x, y), 1));
 * deepStrictEqual(await f(tensor([1, 2]), 3).data(), new Float32Array([4, 7]));
 * ```
 *
 * @example An argument that is no tensor
 * ```ts
 * import { deepStrictEqual } from "node:assert/strict";
 * import { jit, ones, type Tensor, zeros } from "@tessera/tessera/tensor";
 *
 * const f = jit((x: Tensor, empty: boolean) => empty ? zeros(x.shape) : ones(x.shape), { static: [1] });
 * deepStrictEqual(await f(ones([2]), true).data(), new Float32Array([0, 0]));
 * ```
 */
export function jit<Args extends readonly unknown[], R, const Static extends readonly number[] = []>(
  f: (...args: Args) => R,
  options: JitOptions<Static> = {},
): Jitted<(...args: Args) => R, Static> {
  requireOptions("jit", options, { donate: true, static: true, device: true });
  requireFunction("jit", "f", f);
  const { donate = [], static: statics = [] } = options as JitOptions;
  checkPositions("jit", "donate", donate);
  checkPositions("jit", "static", statics);
  const loose = f as unknown as (...args: unknown[]) => unknown;
  // Documented cache: compilations by device and form of the arguments.
  const caches = new WeakMap<Device, Map<string, Entry>>();
  const read = (args: readonly unknown[]) => readCall(args, (position) => statics.includes(position));
  const entryFor = (call: Call, device: Device) => {
    const cache = caches.get(device) ?? new Map<string, Entry>();
    caches.set(device, cache);
    const entry = cache.get(call.key) ?? trace(loose, call, device, donate);
    cache.delete(call.key);
    cache.set(call.key, entry);
    if (cache.size > CACHE_SIZE) cache.delete(cache.keys().next().value!);
    return entry;
  };
  const run = (...args: unknown[]) => {
    const call = read(args);
    if (isInside()) return loose(...call.args.map((arg) => rebuild(arg)));
    const device = deviceOf("jit", options.device);
    return runEntry(entryFor(call, device), tensorsOf(call), device);
  };
  const executableFor = (args: readonly unknown[]) => entryFor(read(args), deviceOf("jit", options.device)).executable;
  const stats = (...args: unknown[]) => executableFor(args).stats;
  const prepare = async (...args: unknown[]) => {
    const executable = executableFor(args);
    await executable.ready?.();
    return executable.stats;
  };
  return Object.assign(run, { stats, prepare }) as unknown as Jitted<(...args: Args) => R, Static>;
}

function rebuild(arg: Argument, standIn: (x: Tensor) => Tensor = (x) => x): unknown {
  if ("static" in arg) return arg.static;
  return treeUnflatten(arg.structure, arg.leaves.map((x) => x && standIn(x)));
}

function trace(
  f: (...args: unknown[]) => unknown,
  call: Call,
  device: Device,
  donate: readonly number[],
): Entry {
  const inputs: Tensor[] = [];
  const donated = new Set<number>();
  const traced = call.args.map((arg, position) =>
    rebuild(arg, (x) => {
      if (donate.includes(position)) donated.add(inputs.length);
      inputs.push(placeholder(x));
      return inputs.at(-1)!;
    })
  );
  const { leaves, structure } = namedLeaves("result", runInside([], () => f(...traced)));
  leaves.forEach((leaf) => checkTraced("jit", leaf));
  const outputs = leaves.map(({ value }) => value).filter((x) => x instanceof Tensor);
  refuseForeign(outputs, inputs);
  return {
    executable: device.compile({ inputs, outputs, donated }),
    structure,
    constants: leaves.map(({ value }) => value instanceof Tensor ? undefined : value),
    isTensor: leaves.map(({ value }) => value instanceof Tensor),
  };
}

/** Refuses placeholders that are not of this trace: nothing would ever give them a value. */
function refuseForeign(outputs: readonly Tensor[], inputs: readonly Tensor[]): void {
  const own = new Set(inputs);
  const foreign = topologicalOrder(outputs, (x) => !x.traced).find((x) => leafSource(x) === null && !own.has(x));
  if (!foreign) return;
  throw new TypeError(
    "Cannot jit as the function may use only tensors that have values and its own arguments: current capture is a tensor " +
      `of shape [${foreign.shape}] that was an argument of another jitted call, which has ended; return it from there`,
  );
}

function runEntry(
  { executable, structure, constants, isTensor }: Entry,
  args: readonly Tensor[],
  device: Device,
): unknown {
  const lazy = args.filter((x) => leafSource(x) === undefined);
  const buffers = new Map(realize(lazy, device).map((buffer, i) => [lazy[i]!, buffer]));
  const inputs = args.map((x) => buffers.has(x) ? leaf(x, { buffer: buffers.get(x)! }) : x);
  const results = executable.run(inputs).map((buffer) => leaf(buffer.spec, { buffer }));
  let next = 0;
  return treeUnflatten(structure, constants.map((constant, i) => isTensor[i] ? results[next++] : constant));
}
