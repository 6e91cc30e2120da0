import {
  add,
  customVjp,
  div,
  mul,
  type Tensor,
  type Tree,
  treeFlatten,
  treeUnflatten,
  valueAndGrad,
} from "../../tensor/core.ts";

/**
 * Sums the losses of parts, each of which is differentiated as soon as it is computed, so that what one part needs on the way
 * back is gone before the next begins. A program runs in the order in which it was written, and else all parts would wait for
 * the end of the loss. Differentiated again, it is what a plain sum is.
 *
 * @param parts Losses of the parts, each of the same tree.
 * @param scale What the sum will be multiplied by before it is differentiated, where numbers are small and of few bits: the
 * gradient of each part is that of its product with it. Null: nothing.
 * @returns The sum, a function of the tree.
 */
export function gradientAtOnce<T extends Tree>(
  parts: readonly ((tree: T) => Tensor)[],
  scale: Tensor | null,
): (tree: T) => Tensor {
  return (tree) => {
    const { leaves, structure } = treeFlatten(tree);
    const differentiate = (part: (tree: T) => Tensor) =>
      valueAndGrad((args: readonly Tensor[]) => {
        const loss = part(treeUnflatten(structure, args) as T);
        return [scale ? mul(loss, scale) : loss, loss] as const;
      }, { hasAux: true });
    const found: { gradient: readonly Tensor[] } = { gradient: [] };
    const forward = (...args: readonly Tensor[]) => {
      const losses = parts.map((part, i) => {
        const [[, loss], gradient] = differentiate(part)(args);
        found.gradient = i === 0 ? gradient : gradient.map((x, k) => add(found.gradient[k]!, x));
        return loss;
      });
      return losses.reduce((sum, loss) => add(sum, loss));
    };
    const backward = (_args: unknown, _loss: Tensor, cotangent: Tensor) => {
      const factor = scale ? div(cotangent, scale) : cotangent;
      return found.gradient.map((x) => mul(x, factor));
    };
    return customVjp(forward, backward)(...leaves as readonly Tensor[]);
  };
}
