/** @file What a transformation keeps of others within it: theirs, under names that tell them apart. */
import type { LinkState } from "./transformation.ts";

/** What one within keeps, under `prefix.name`. */
export function prefixed<P>(prefix: string | number, state: LinkState<P>): [name: string, tree: P][] {
  return Object.entries(state).map(([name, tree]) => [`${prefix}.${name}`, tree]);
}

/** What was kept under `prefix.name`, by its own names again. */
export function stateUnder<P>(prefix: string | number, state: LinkState<P>): LinkState<P> {
  const own = Object.entries(state).filter(([name]) => name.startsWith(`${prefix}.`));
  return Object.fromEntries(own.map(([name, tree]) => [name.slice(`${prefix}.`.length), tree]));
}
