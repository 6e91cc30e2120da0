/** @file Which transformed functions run right now: what is called inside them must be differentiated or traced with them. */
import { topologicalOrder } from "../order.ts";
import { isConstantToGradients } from "../primitives/identity.ts";
import { DTYPES } from "../spec.ts";
import { leafSource, type Tensor } from "../tensor.ts";

/** One transformation whose function is running. */
interface Running {
  /** Stand-ins of the arguments that are differentiated; none of a trace. */
  readonly ends: ReadonlySet<Tensor>;
  /** Whether tensors depend on them, as far as was asked. */
  readonly known: WeakMap<Tensor, boolean>;
}

/** Outermost first; empty whenever no transformed function runs. The one state of the transformations. */
const running: Running[] = [];

/**
 * Runs a function as the body of a transformation.
 *
 * @param ends Stand-ins of what is differentiated; empty for a trace.
 * @param f The function; it runs at once.
 * @returns Its value.
 */
export function runInside<R>(ends: readonly Tensor[], f: () => R): R {
  running.push({ ends: new Set(ends), known: new WeakMap() });
  try {
    return f();
  } finally {
    running.pop();
  }
}

/** True while a transformed function runs: a jitted function called now is a part of it. */
export function isInside(): boolean {
  return running.length > 0;
}

/** True where no gradient passes. */
export function isCut(x: Tensor): boolean {
  return !DTYPES[x.dtype].floating || isConstantToGradients(x);
}

/**
 * Whether a tensor depends on what is being differentiated. What stands for the carry or a row of a loop may: what it stands
 * for is known only when the loop is put together.
 */
function dependsOn({ ends, known }: Running, x: Tensor): boolean {
  const first = Math.min(...[...ends].map(({ sequence }) => sequence));
  const isOlder = (node: Tensor) => node.sequence < first;
  for (const node of topologicalOrder([x], (node) => known.has(node) || ends.has(node) || isOlder(node))) {
    if (known.has(node)) continue;
    const flows = !isCut(node) && !isOlder(node);
    const isStandIn = leafSource(node) === null && node.inputs.length === 0;
    known.set(node, ends.has(node) || flows && (isStandIn || node.inputs.some((input) => known.get(input))));
  }
  return known.get(x)!;
}

/**
 * Finds the tensors that a function used without having been given them, and through which a gradient is to flow.
 *
 * @param outputs What the function returned.
 * @param given What it was given.
 * @param since Sequence number when it started.
 * @returns Older tensors that depend on what is being differentiated.
 */
export function capturedBy(outputs: readonly Tensor[], given: readonly Tensor[], since: number): readonly Tensor[] {
  const differentiations = running.filter(({ ends }) => ends.size > 0);
  if (differentiations.length === 0) return [];
  const stops = new Set(given);
  const isOlder = (x: Tensor) => x.sequence < since;
  return topologicalOrder(outputs, (x) => stops.has(x) || isOlder(x) || isCut(x)).filter((x) =>
    isOlder(x) && !stops.has(x) && differentiations.some((one) => dependsOn(one, x))
  );
}
