import type { Tensor } from "./tensor.ts";

/**
 * Lists a program so that every tensor follows its inputs.
 *
 * @param outputs The last tensors of the program.
 * @param stop Tensors whose inputs are not followed, such as the arguments of a differentiated function.
 * @returns Each tensor once.
 */
export function topologicalOrder(outputs: readonly Tensor[], stop: (x: Tensor) => boolean = () => false): Tensor[] {
  const order: Tensor[] = [];
  const seen = new Set<Tensor>();
  // An explicit stack: programs of a training step are deeper than the call stack allows.
  const stack: { readonly node: Tensor; readonly inputs: readonly Tensor[]; next: number }[] = [];
  const enter = (node: Tensor) => {
    if (seen.has(node)) return;
    seen.add(node);
    stack.push({ node, inputs: stop(node) ? [] : node.inputs, next: 0 });
  };
  for (const output of outputs) {
    enter(output);
    while (stack.length > 0) {
      const top = stack.at(-1)!;
      if (top.next < top.inputs.length) enter(top.inputs[top.next++]!);
      else order.push(stack.pop()!.node);
    }
  }
  return order;
}
