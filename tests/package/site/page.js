// A page that computes on the device that its address names, and writes what it found as its text.
import {
  cpuDevice,
  jit,
  matmul,
  mean,
  random,
  setDefaultDevice,
  square,
  sub,
  valueAndGrad,
  webgpuDevice,
} from "@tessera/tessera";

try {
  const open = { cpu: () => cpuDevice({ threads: 2 }), webgpu: webgpuDevice };
  setDefaultDevice(await open[new URLSearchParams(location.search).get("device")]());
  const [x, w] = [random.normal(random.key(0), [64, 128]), random.normal(random.key(1), [128, 32])];
  const loss = (w, x) => mean(square(sub(matmul(x, w), 1)));
  const [value, gradient] = jit(valueAndGrad(loss))(w, x);
  document.body.textContent = JSON.stringify({
    value: await value.item(),
    first: (await gradient.data())[0],
    shared: typeof SharedArrayBuffer !== "undefined",
  });
} catch (error) {
  document.body.textContent = JSON.stringify({ error: String(error?.stack ?? error) });
}
