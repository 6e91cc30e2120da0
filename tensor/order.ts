/**
 * Lists what outputs are made of so that everything follows what it is made of. An explicit stack, not the call stack, holds
 * the way down: programs and expressions are deeper than that allows.
 *
 * @param outputs The last of them.
 * @param before What a node is made of, or as much of it as is to be listed.
 * @returns Each node once.
 */
export function orderBy<T>(outputs: readonly T[], before: (x: T) => readonly T[]): T[] {
  const order: T[] = [];
  const seen = new Set<T>();
  const way: { readonly node: T; readonly parts: readonly T[]; entered: number }[] = [];
  const enter = (node: T) => {
    const known = seen.size;
    if (seen.add(node).size === known) return;
    const parts = before(node);
    if (parts.length === 0) order.push(node);
    else way.push({ node, parts, entered: 0 });
  };
  for (const output of outputs) {
    enter(output);
    while (way.length > 0) {
      const top = way[way.length - 1]!;
      if (top.entered < top.parts.length) enter(top.parts[top.entered++]!);
      else order.push(way.pop()!.node);
    }
  }
  return order;
}

/** A node of a program. */
export interface Node<T> {
  /** What it is made of. */
  readonly inputs: readonly T[];
}

/**
 * Lists a program so that every tensor follows its inputs.
 *
 * @param outputs The last tensors of the program.
 * @param stop Tensors whose inputs are not followed, such as the arguments of a differentiated function.
 * @returns Each tensor once.
 */
export function topologicalOrder<T extends Node<T>>(
  outputs: readonly T[],
  stop: (x: T) => boolean = () => false,
): T[] {
  return orderBy(outputs, (x) => stop(x) ? [] : x.inputs);
}

/**
 * Takes down what each tensor of a program is made of. Tensors forget it when they have been computed.
 *
 * @param outputs The last tensors of the program.
 * @returns Inputs by tensor, in an order in which they come first.
 */
export function inputsIn<T extends Node<T>>(outputs: readonly T[]): ReadonlyMap<T, readonly T[]> {
  return new Map(topologicalOrder(outputs).map((x) => [x, x.inputs]));
}
