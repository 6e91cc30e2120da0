import * as t from "@tessera/tessera/tensor";

const m = t.reshape(t.cos(t.arange(25)), [5, 5]);
const a = t.add(t.matmul(m, m, { transposeB: true }), t.eye(5));

const largest = t.jit((a: t.Tensor) => {
  const [vector, , steps] = t.whileLoop(
    ([v, old, i]: t.Tensor[]) => t.logicalAnd(t.greater(t.norm(t.sub(v!, old!)), 1e-5), t.less(i!, 200)),
    ([v, , i]: t.Tensor[]) => {
      const next = t.dot(a, v!);
      return [t.div(next, t.norm(next)), v!, t.add(i!, 1)];
    },
    [t.div(t.ones([5]), Math.sqrt(5)), t.zeros([5]), t.tensor(0, { dtype: "int32" })],
    { maxIterations: 200 },
  );
  return [t.dot(vector!, t.dot(a, vector!)), vector!, t.less(steps!, 200)];
});
export const result: t.Tensor[] = largest(a);
