// A page that learns to tell three classes on WebGPU with the layers, losses and optimizers of `nn`.
import { add, cast, equal, expandDims, jit, matmul } from "@tessera/tessera/core";
import { setDefaultDevice, tensor, valueAndGrad, webgpuDevice } from "@tessera/tessera/core";
import { adamw, applyUpdates, crossEntropy, initLinear, linear, relu } from "@tessera/tessera/nn";
import { key, normal, split } from "@tessera/tessera/random";

setDefaultDevice(await webgpuDevice());
const [keyOfX, key1, key2] = split(key(0), 3);
const labels = tensor(Array.from({ length: 90 }, (_, i) => i % 3), { dtype: "int32" });
const isClass = cast(equal(expandDims(labels, { axis: -1 }), tensor([0, 1, 2], { dtype: "int32" })), "float32");
const x = add(normal(keyOfX, [90, 2]), matmul(isClass, tensor([[4, 0], [0, 4], [-4, -4]])));

const optimizer = adamw({ learningRate: 0.03 });
const loss = ({ first, second }) => crossEntropy(linear(second, relu(linear(first, x))), labels);
const step = jit((params, state) => {
  const [value, gradient] = valueAndGrad(loss)(params);
  const [updates, next] = optimizer.update(gradient, state, params);
  return [applyUpdates(params, updates), next, value];
});

/** Steps on from parameters; gives the first loss and the last. */
async function learn(params, state, first, t) {
  const [next, nextState, value] = step(params, state);
  const loss = await value.item();
  return t === 60 ? { first, last: loss } : await learn(next, nextState, first ?? loss, t + 1);
}
const params = {
  first: initLinear(key1, { inChannels: 2, outChannels: 16 }),
  second: initLinear(key2, { inChannels: 16, outChannels: 3 }),
};
document.body.textContent = JSON.stringify(await learn(params, optimizer.init(params), null, 1));
