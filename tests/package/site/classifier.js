// A page that learns to tell three classes on WebGPU: random weights, two layers, cross-entropy, Adam, one compiled step.
import {
  add,
  cast,
  div,
  equal,
  jit,
  logSoftmax,
  matmul,
  maximum,
  mean,
  mul,
  neg,
  setDefaultDevice,
  sqrt,
  square,
  sub,
  sum,
  tensor,
  treeMap,
  valueAndGrad,
  webgpuDevice,
  zeros,
} from "@tessera/tessera/core";
import { key, normal, split } from "@tessera/tessera/random";

setDefaultDevice(await webgpuDevice());
const [keyOfX, key1, key2] = split(key(0), 3);
const classes = tensor(Array.from({ length: 90 }, (_, i) => [i % 3]));
const labels = cast(equal(classes, tensor([[0, 1, 2]])), "float32");
const x = add(normal(keyOfX, [90, 2]), matmul(labels, tensor([[4, 0], [0, 4], [-4, -4]])));

const loss = ({ w1, b1, w2, b2 }) => {
  const hidden = maximum(add(matmul(x, w1), b1), 0);
  return neg(mean(sum(mul(logSoftmax(add(matmul(hidden, w2), b2)), labels), { axis: -1 })));
};
const step = jit(({ params, m, v }, rate) => {
  const [value, gradient] = valueAndGrad(loss)(params);
  const next = {
    m: treeMap((m, g) => add(mul(m, 0.9), mul(g, 0.1)), m, gradient),
    v: treeMap((v, g) => add(mul(v, 0.999), mul(square(g), 0.001)), v, gradient),
  };
  const change = (p, m, v) => sub(p, mul(rate, div(m, add(sqrt(v), 1e-8))));
  return [{ params: treeMap(change, params, next.m, next.v), ...next }, value];
});

const params = { w1: normal(key1, [2, 16]), b1: zeros([16]), w2: normal(key2, [16, 3]), b2: zeros([3]) };
const still = () => treeMap((p) => mul(p, 0), params);

/** Steps on from a state; gives the first loss and the last. */
async function learn(state, first, t) {
  const [next, value] = step(state, 0.05 * Math.sqrt(1 - 0.999 ** t) / (1 - 0.9 ** t));
  const loss = await value.item();
  return t === 20 ? { first, last: loss } : await learn(next, first ?? loss, t + 1);
}
document.body.textContent = JSON.stringify(await learn({ params, m: still(), v: still() }, null, 1));
