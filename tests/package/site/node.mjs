// deno-lint-ignore-file no-console
// What a program in Node does with the installed package: a thread beside its own, gradients, weights in memory.
import {
  cpuDevice,
  data,
  jit,
  matmul,
  mean,
  nn,
  random,
  setDefaultDevice,
  square,
  sub,
  valueAndGrad,
} from "@tessera/tessera";

const device = cpuDevice({ threads: 2 });
setDefaultDevice(device);
const [x, w] = [random.normal(random.key(0), [64, 128]), random.normal(random.key(1), [128, 32])];
const loss = (w, x) => mean(square(sub(matmul(x, w), 1)));
const [value, gradient] = jit(valueAndGrad(loss))(w, x);
const file = data.encodeSafetensors({ w: { dtype: "F32", shape: [128, 32], data: await w.data() } });
console.log(JSON.stringify({
  value: await value.item(),
  first: (await gradient.data())[0],
  kept: data.decodeSafetensors(file).tensors.w.shape,
  layer: nn.initLinear(random.key(0), { inChannels: 2, outChannels: 3 }).weight.shape,
}));
device.close();
