import * as t from "@tessera/tessera/tensor";

function attention(q: t.Tensor, k: t.Tensor, v: t.Tensor) {
  const scores = t.div(t.einsum("thc,shc->hts", q, k), Math.sqrt(q.shape.at(-1)!));
  const causal = t.tri(q.shape[0]!, { dtype: "bool" });
  const weights = t.softmax(t.where(causal, scores, -Infinity));
  return t.einsum("hts,shc->thc", weights, v);
}

const [q, k, v] = t.random.split(t.random.key(1), 3).map((key) => t.random.normal(key, [2, 6, 2, 4]));
const batched = t.jit(t.vmap(attention));
const [gradient] = t.grad((...qkv: [t.Tensor, t.Tensor, t.Tensor]) => t.sum(t.square(batched(...qkv))), {
  argnums: [0],
})(q!, k!, v!);
export const result: t.Tensor[] = [batched(q!, k!, v!), gradient];
