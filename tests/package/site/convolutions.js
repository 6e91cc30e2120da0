// A page that learns on WebGPU to tell rising lines from falling ones in small images, by a convolution.
import {
  add,
  conv2d,
  expandDims,
  jit,
  maximum,
  mean,
  mul,
  setDefaultDevice,
  square,
  sub,
  tensor,
  treeMap,
  valueAndGrad,
  webgpuDevice,
  zeros,
} from "@tessera/tessera/core";
import { key, normal, split } from "@tessera/tessera/random";

setDefaultDevice(await webgpuDevice());
const [keyOfX, keyOfW] = split(key(0));
const isLine = (i, row, column) => column === (i % 2 ? row : 7 - row);
const lines = tensor(Array.from({ length: 8 * 64 }, (_, at) => Number(isLine(at >> 6, (at >> 3) % 8, at % 8))));
const x = add(
  expandDims(tensor(await lines.data(), { shape: [8, 8, 8] }), { axis: -1 }),
  mul(normal(keyOfX, [8, 8, 8, 1]), 0.1),
);
const y = tensor(Array.from({ length: 8 }, (_, i) => i % 2 ? 1 : -1));

const loss = ({ w, b, heads }) => {
  const seen = maximum(add(conv2d(x, w, { padding: "SAME" }), b), 0); // [8, 8, 8, 8]
  return mean(square(sub(mean(mul(seen, heads), { axis: [1, 2, 3] }), y)));
};
const step = jit((params) => {
  const [value, gradient] = valueAndGrad(loss)(params);
  return [treeMap((p, g) => sub(p, mul(g, 0.5)), params, gradient), value];
});

/** Steps on from parameters; gives the first loss and the last. */
async function learn(params, first, t) {
  const [next, value] = step(params);
  const loss = await value.item();
  return t === 60 ? { first, last: loss } : await learn(next, first ?? loss, t + 1);
}
const params = { w: normal(keyOfW, [3, 3, 1, 8]), b: zeros([8]), heads: tensor([8, 8, 8, 8, -8, -8, -8, -8]) };
document.body.textContent = JSON.stringify(await learn(params, null, 1));
