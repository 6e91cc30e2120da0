import * as t from "@tessera/tessera/tensor";
import { customKernel } from "@tessera/tessera/tensor/kernel";

const softsign = customKernel({
  name: "softsign",
  reference: ([x]) => x!.data.map((v) => v / (1 + Math.abs(v))),
  vjp: (cotangent, [x]) => [t.div(cotangent, t.square(t.add(1, t.abs(x!))))],
  wgsl: ({ load, store }) => `let v = ${load(0, "i")}; ${store("i", "v / (1f + abs(v))")}`,
});

const x = t.linspace(-3, 3, 13);
export const result: t.Tensor[] = [softsign(x), t.grad((x: t.Tensor) => t.sum(t.square(softsign(x))))(x)];
