// The smallest page that trains on WebGPU: what it loads is the core bundle.
import {
  add,
  jit,
  matmul,
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

setDefaultDevice(await webgpuDevice());
const loss = ({ w, b }, x, y) => mean(square(sub(add(matmul(x, w), b), y)));
const step = jit((params, x, y, rate) => {
  const [value, gradient] = valueAndGrad(loss)(params, x, y);
  return [treeMap((p, g) => sub(p, mul(rate, g)), params, gradient), value];
});
const [params, value] = step({ w: zeros([2, 1]), b: zeros([]) }, tensor([[1, 2], [3, 4]]), tensor([[1], [2]]), 0.1);
document.body.textContent = JSON.stringify({ value: await value.item(), w: [...await params.w.data()] });
