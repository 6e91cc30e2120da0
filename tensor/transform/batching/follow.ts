/** @file The one walk over a program that turns a function of an example into one of a batch. */
import { topologicalOrder } from "../../order.ts";
import type { Batch, GroupRules, Params } from "../../primitive.ts";
import { spread, spreadOne } from "../../primitives/batching/spread.ts";
import { backwardOf, withBackward } from "../../primitives/identity.ts";
import type { Tensor } from "../../tensor.ts";
import { runInside } from "../running.ts";
import { byLowering, oneByOne } from "./default_rule.ts";
import { exampleOf } from "./example.ts";

/** A function of an example that is being mapped. */
export interface Mapping {
  /** For each tensor that depends on the example that of all examples, along axis 0. */
  readonly values: Map<Tensor, Tensor>;
  /** How many examples. */
  readonly size: number;
  /** Sequence number when the function started: what is older depends on no example. */
  readonly since: number;
}

/**
 * Maps what a function has made of an example.
 *
 * @param mapping The function; its values are completed.
 * @param outputs Results of the function.
 * @returns For each result that of all examples; `null` if it is the same for all.
 */
export function follow(mapping: Mapping, outputs: readonly Tensor[]): readonly (Tensor | null)[] {
  const { values, since } = mapping;
  // What is not traced depends on no example, unless it was given a value of each example, as branches give what they share.
  const given = values.keys().some((x) => !x.traced);
  const isKnown = (x: Tensor) => values.has(x) || !(x.traced || given) || x.sequence < since;
  const program = topologicalOrder(outputs, isKnown).filter((x) => !isKnown(x));
  program.sort((a, b) => a.sequence - b.sequence); // what is used together is computed together
  for (const x of program) {
    if (!x.inputs.some((input) => values.has(input))) continue;
    const { group } = x.primitive;
    if (!group) values.set(x, mapOne(mapping, x));
    else if (!values.has(x)) mapGroup(mapping, x, group);
  }
  return outputs.map((x) => values.get(x) ?? null);
}

function batchOf({ values, size }: Mapping, x: Tensor): Batch {
  const inputs = x.inputs.map((input) => values.get(input) ?? input);
  return { inputs, mapped: x.inputs.map((input) => values.has(input)), size };
}

function mapGroup(mapping: Mapping, x: Tensor, group: GroupRules<Params>): void {
  const found = group.batchRule(batchOf(mapping, x), x.params);
  group.members(x.params).forEach((member, i) => mapping.values.set(member, found[i]!));
}

function mapOne(mapping: Mapping, x: Tensor): Tensor {
  const batch = batchOf(mapping, x);
  const backward = backwardOf(x);
  if (backward) {
    const [value, ...operands] = spread(batch);
    return withBackward(value!, operands, (cotangent) => pulled(mapping, x, backward, cotangent));
  }
  const own = x.primitive.batchRule?.(batch, x.params, x);
  if (own) return own;
  const made = byLowering(x, batch);
  if (!made) return oneByOne(x, batch);
  if (made.primitive === x.primitive) return made;
  // An operation of somebody else, by operations of ours: its pullback is its own.
  const back = (cotangent: Tensor) => x.primitive.vjpRule(cotangent, x, x.params);
  return withBackward(made, spread(batch), (cotangent) => pulled(mapping, x, back, cotangent));
}

/** Cotangents of the operands of all examples, by the pullback of one example. */
function pulled(
  mapping: Mapping,
  of: Tensor,
  backward: (cotangent: Tensor) => readonly (Tensor | null)[],
  cotangent: Tensor,
): readonly (Tensor | null)[] {
  const one = exampleOf(cotangent, of);
  mapping.values.set(one, cotangent);
  const parts = runInside([], () => backward(one));
  const found = follow(mapping, parts.filter((part) => part !== null));
  let next = 0;
  return parts.map((part) => part && (found[next++] ?? spreadOne(part, mapping.size, part.shape.length + 1)));
}
